"""What the API answers of replays and discards."""

from typing import Literal

from app.console.api.shape import Shape, told
from app.console.api.shapes.samples import GROUP, LATER, MOMENT, REPLAY


class Replay(Shape):
    """A replay and what it has come to."""

    id: str = told(REPLAY)
    destination: str = told("kable")
    state: Literal["running", "done", "cancelled"] = told("running")
    standing: str = told("", "Why it moves nothing now.")
    total: int = told(1200, "Letters that matched when it began.")
    replayed: int = told(400, "Of these so far.")
    under_way: int = told(10, "Of the replayed: not finished yet.")
    delivered: int = told(389)
    skipped: int = told(0)
    dead: int = told(1, "Buried again.")
    unmapped: int = told(0)
    unconfirmed: int = told(0)
    closed_period: int | None = told(3)
    rate: float = told(50.0, "Letters a second at most.")
    who: str = told("ann")
    filter: dict[str, str] | None = told({"group": GROUP}, "Null where letters were named.")
    began_at: str = told(MOMENT)
    ended_at: str | None = told(None)


class Discard(Shape):
    """A discard and how far it is; `failed` where the store went away meanwhile."""

    id: str = told(REPLAY)
    destination: str = told("kable")
    state: Literal["running", "done", "cancelled", "failed"] = told("done")
    total: int = told(1200)
    discarded: int = told(1200)
    who: str = told("ann")
    began_at: str = told(MOMENT)
    ended_at: str | None = told(LATER)
