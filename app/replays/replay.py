"""What one replay is and has come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from app.dead_letters import Filter
from app.settings import DestinationSettings

RATE_MAX = 500.0
RATE_WITHOUT_LIMIT = 100.0

State = Literal["running", "done", "cancelled"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay; moments in ms since the epoch, `rate` in letters a second.

    `total` letters matched when it began, `unconfirmed` of them with that reason, `closed_period`
    of them events whose billing period was closed; None when they were too many to look at. Of
    those `replayed` so far some are finished (`delivered`, `skipped`, `dead` again or `unmapped`)
    and the others under way. `named` counts letters that were named, where there is no filter.
    `before` is a place: letters from there on were buried too late for it. `standing` says why it
    moves nothing now.
    """

    id: str
    destination: str
    state: State
    total: int
    unconfirmed: int
    closed_period: int | None
    replayed: int
    delivered: int
    skipped: int
    dead: int
    unmapped: int
    before: int
    rate: float
    began_at: int
    ended_at: int | None
    who: str
    filter: Filter | None
    named: int
    standing: str

    @property
    def under_way(self) -> int:
        finished = self.delivered + self.skipped + self.dead + self.unmapped
        return self.replayed - finished


def default_rate(account: DestinationSettings) -> float:
    """Half of what the destination may be sent, so that what is new has the other half."""
    if account.rate is None:
        return RATE_WITHOUT_LIMIT
    return min(RATE_MAX, max(1.0, account.rate / 2))


def decode(id_: str, destination: str, kept: Mapping[bytes, bytes]) -> Replay:
    """The replay that the store keeps; what became of letters is counted by settle's verbs."""
    fields = {name.decode(): value.decode() for name, value in kept.items()}
    chosen, closed = fields.get("filter"), fields["closed_period"]
    return Replay(
        id=id_,
        destination=destination,
        state=cast("State", fields["state"]),
        total=int(fields["total"]),
        unconfirmed=int(fields["unconfirmed"]),
        closed_period=int(closed) if closed else None,
        replayed=int(fields.get("replayed", 0)),
        delivered=int(fields.get("delivered", 0)),
        skipped=int(fields.get("skipped", 0)),
        dead=int(fields.get("bury", 0)),
        unmapped=int(fields.get("park", 0)),
        before=int(fields["before"]),
        rate=float(fields["rate"]),
        began_at=int(fields["began_at"]),
        ended_at=int(fields["ended_at"]) if "ended_at" in fields else None,
        who=fields["who"],
        filter=Filter.read(msgspec.json.decode(chosen)) if chosen else None,
        named=int(fields["named"]),
        standing=fields.get("standing", ""),
    )
