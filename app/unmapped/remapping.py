"""New rules reach what is unmapped: it moves back into its partition, a step with each tick.

Also lets go of what the configuration does not keep any longer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import redis

from app.clock import Clock
from app.destination import Destination, Unmapped
from app.keys import destination_key
from app.mapping import Rule
from app.rules import Rules
from app.scripts import Scripts
from app.segment import Event
from app.settings import DestinationSettings
from app.unmapped.kept import Parked, UnmappedEvents

LOOKED_MAX = 2_000
READ_AT_ONCE = 200
MOVED_AT_ONCE = 25
EXPIRED_AT_ONCE = 500
RATE_MAX = 500.0
RATE_WITHOUT_LIMIT = 100.0
END = "end"
DRY_RUN = "dry run: what rules map would be skipped for good"

Told = Literal["", "began", "ended"]
State = Literal["running", "done"]


@dataclass(frozen=True, slots=True)
class Run:
    """The newest run over what is unmapped; moments in ms since the epoch.

    Of `total` events that were unmapped when it began it has `looked` at some and moved those that
    rules map, `taken`. `under_way`, `delivered`, `skipped`, `dead` and `unmapped` (again) say what
    became of all that such runs ever moved. `standing` says why it moves nothing now.
    """

    state: State
    version: int
    total: int
    looked: int
    taken: int
    moved: int
    delivered: int
    skipped: int
    dead: int
    unmapped: int
    began_at: int
    ended_at: int | None
    standing: str

    @property
    def under_way(self) -> int:
        return self.moved - self.delivered - self.skipped - self.dead - self.unmapped


@dataclass(frozen=True, slots=True)
class News:
    """What is new of a run, how many it moved, and how many grew too old."""

    run: Run | None
    told: Told = ""
    moved: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """The right to move `count` events after a cursor, which uses the pace up to a moment."""

    version: str
    told: Told
    count: int
    cursor: str
    used: str


@dataclass(frozen=True, slots=True)
class Portion:
    """The cursor after what was `looked` at, and of that what rules map.

    Each stands with the number that was looked at up to it.
    """

    cursor: str
    looked: int
    mapped: Sequence[tuple[Parked, int]]

    def pieces(self) -> Iterator["Portion"]:
        """The same in pieces, so that no script holds the store up for long."""
        before = 0
        for first in range(0, max(1, len(self.mapped)), MOVED_AT_ONCE):
            piece = self.mapped[first : first + MOVED_AT_ONCE]
            is_last = first + MOVED_AT_ONCE >= len(self.mapped)
            cursor = self.cursor if is_last else str(piece[-1][0].at)
            looked = self.looked if is_last else piece[-1][1]
            yield Portion(cursor, looked - before, piece)
            before = looked


class Remapping:
    """Of one destination. A step that runs twice, or beside another, moves once."""

    def __init__(
        self,
        store: redis.Redis,
        destination: Destination[Any],
        account: DestinationSettings,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._account = account
        self._scripts = Scripts(store, account.id, clock)
        self._rules = Rules(store, account.id, clock)
        self._unmapped = UnmappedEvents(store, account.id)
        self._configured = False

    def step(self) -> News:
        """Move what may move now, and let go of what is too old."""
        if not self._configured:
            self._rules.configure(cast("tuple[Rule, ...]", getattr(self._account, "rules", ())))
            self._configured = True
        pace, expired = self.pace(), self._expire()
        if pace is None:
            return News(None, expired=expired)
        moved = self.move(pace, self.portion(pace)) if pace.count else 0
        return News(self.run(), pace.told, moved, expired)

    def run(self) -> Run | None:
        """The newest one, also when it has ended; None before the first."""
        kept = self._store.hgetall(destination_key(self._account.id, "replay:unmapped"))
        return _run(cast("dict[bytes, bytes]", kept)) if kept else None

    def pace(self) -> Pace | None:
        """What may move now; None when no rule is new."""
        match self._scripts.run("remap_pace", rate(self._account), self._kept_from()):
            case []:
                return None
            case [version, told, count, cursor, used]:
                words = version.decode(), told.decode(), count, cursor.decode(), used.decode()
                return Pace(*words)
            case answer:
                raise ValueError(answer)

    def portion(self, pace: Pace) -> Portion:
        """The next that rules map, as many as may move; it looks at a bounded number."""
        account = self._account.model_copy(update={"rules": self._rules.book().rules})
        after, looked = int(pace.cursor), 0
        mapped: list[tuple[Parked, int]] = []
        while looked < LOOKED_MAX:
            places = self._unmapped.oldest(after, READ_AT_ONCE)
            lying = {one.letter: one for one in self._unmapped.opened(places)}
            for letter, at in places:
                if len(mapped) == pace.count:
                    return Portion(str(after), looked, mapped)
                after, looked = at, looked + 1
                if letter in lying and self._maps(lying[letter], account):
                    mapped.append((lying[letter], looked))
            if len(places) < READ_AT_ONCE:
                return Portion(END, looked, mapped)
        return Portion(str(after), looked, mapped)

    def move(self, pace: Pace, portion: Portion) -> int:
        """How many were moved, until another step came first."""
        total, cursor = 0, pace.cursor
        for piece in portion.pieces():
            words = pace.version, cursor, piece.cursor, pace.used, piece.looked
            letters = (word for one, _ in piece.mapped for word in (one.letter, one.delivery.user))
            moved: int = self._scripts.run("remap", *words, *letters)
            if moved < 0:
                break
            total, cursor = total + moved, piece.cursor
        return total

    def _kept_from(self) -> str:
        """Why nothing may move; empty when nothing keeps it."""
        if self._account.dry_run:
            return DRY_RUN
        return self._destination.unruled(self._account)

    def _maps(self, one: Parked, account: DestinationSettings) -> bool:
        try:
            event = Event.decode(one.delivery.event)
            return not isinstance(self._destination.transform(event, account), Unmapped)
        except Exception:  # noqa: BLE001 - a pump buries it, and says why
            return True

    def _expire(self) -> int:
        kept_for = getattr(self._account, "unmapped_age_max", None)
        if kept_for is None:
            return 0
        kept_ms = int(kept_for.total_seconds() * 1000)
        return cast("int", self._scripts.run("expire", kept_ms, EXPIRED_AT_ONCE))


def rate(account: DestinationSettings) -> float:
    """Events a second: half of what may be sent, so that what is new has the other half."""
    if account.rate is None:
        return RATE_WITHOUT_LIMIT
    return min(RATE_MAX, max(1.0, account.rate / 2))


def _run(kept: Mapping[bytes, bytes]) -> Run:
    fields = {name.decode(): value.decode() for name, value in kept.items()}
    return Run(
        state=cast("State", fields.get("state", "done")),
        version=int(fields.get("version", 0)),
        total=int(fields.get("total", 0)),
        looked=int(fields.get("looked", 0)),
        taken=int(fields.get("taken", 0)),
        moved=int(fields.get("replayed", 0)),
        delivered=int(fields.get("delivered", 0)),
        skipped=int(fields.get("skipped", 0)),
        dead=int(fields.get("bury", 0)),
        unmapped=int(fields.get("park", 0)),
        began_at=int(fields.get("began_at", 0)),
        ended_at=int(fields["ended_at"]) if "ended_at" in fields else None,
        standing=fields.get("standing", ""),
    )
