"""The log of one destination: deliveries that wait, in order, in partitions, under leases.

Every move is one Lua script, so that a crash at any instant leaves each delivery in one place.
Moments are in ms since the epoch; without a clock the store's own is used.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, cast

import msgspec
import redis

from app import history
from app.append import (
    LAYOUT_FIELDS,
    Admission,
    Appended,
    Layout,
    append_arguments,
    appended,
)
from app.clock import Clock
from app.fates import counted
from app.health import Score
from app.keys import DESTINATIONS, destination_key
from app.ledger import Census, Day, census, days
from app.moves import (
    Full,
    Head,
    Heads,
    Held,
    Leased,
    Reading,
    Recorded,
    Settlement,
    Split,
    StaleLease,
    heads_of,
    told,
)
from app.rules import Rules
from app.scripts import Scripts
from app.settings import DestinationSettings

LEASE_MS = 10_000
MARGIN_MS = 2_000
SPLIT_AT_ONCE = 50

Overdue = Literal["nothing", "to be woken", "wake sent"]

OVERDUE: tuple[Overdue, ...] = ("nothing", "to be woken", "wake sent")


class Log:
    """The log of one destination, for all that is not ingest."""

    def __init__(
        self,
        store: redis.Redis,
        account: DestinationSettings,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._account = account
        self._scripts = Scripts(store, account.id, clock)
        self.rules = Rules(store, account.id, clock)
        self._layout: Layout | None = None
        self._abandoned: set[str] = set()

    @property
    def layout(self) -> Layout:
        """Fixed when the destination is created, then remembered by the store."""
        if self._layout is None:
            meta = destination_key(self._account.id, "meta")
            kept = self._store.hmget(meta, LAYOUT_FIELDS)
            if None in kept:
                self._store.hset(DESTINATIONS, self._account.id, self._account.kind)
                for name, value in Layout.proposed(self._account).items():
                    self._store.hsetnx(meta, name, value)
                kept = self._store.hmget(meta, LAYOUT_FIELDS)
            self._layout = Layout.read(*cast("list[bytes]", kept))
        return self._layout

    def append(self, admissions: Sequence[Admission]) -> Appended:
        """Append admissions, each unless it was there within the deduplication window."""
        arguments = append_arguments(self._account, self.layout, admissions)
        return appended(cast("list[int]", self._scripts.run("append", *arguments)))

    def lease(self, token: str, share: int) -> Leased | Held | Full:
        """Lease free partitions, due ones first; what `token` has, it keeps.

        Of those for live deliveries at most `share`, and as many of those for bulk.
        """
        partitions, pumps = self.layout.total, self._account.pumps
        for abandoned in tuple(self._abandoned):
            self.release(abandoned)
            self._abandoned.discard(abandoned)
        match self._scripts.run("lease", token, LEASE_MS, partitions, share, pumps):
            case [b"held", until]:
                return Held(int(until))
            case [b"full"]:
                return Full()
            case [b"leased", left, deaths, wants, kept, *mine]:
                flags = bool(wants & 1), bool(wants & 2), bool(wants & 4)
                score = Score.read(kept.decode())
                return Leased(tuple(mine), left == 1, deaths, *flags, score)
            case answer:
                raise ValueError(answer)

    def renew(self, token: str, partitions: Sequence[int]) -> None:
        """Prolong the leases. Raises StaleLease."""
        if not self._scripts.run("renew", token, LEASE_MS, *partitions):
            raise StaleLease

    def mark(self, token: str, heads: Sequence[Head]) -> None:
        """Mark heads as being sent, and let their leases outlast the call. Raises StaleLease.

        What is marked goes out at most once: whoever finds the mark of another buries it.
        """
        words = (word for head in heads for word in (head.partition, head.entry))
        call_ms = int(self._account.deadline.total_seconds() * 1000)
        if not self._scripts.run("mark", token, max(LEASE_MS, call_ms + MARGIN_MS), *words):
            raise StaleLease

    def heads(self, token: str, readings: Sequence[Reading]) -> Heads:
        """Read what may move next; per partition the retries that are due come first.

        Raises StaleLease.
        """
        answer = self._scripts.run("heads", token, *(word for r in readings for word in r.words()))
        if answer == [b"stale"]:
            raise StaleLease
        wake_waits, held, next_due, version, *found = answer
        return Heads(
            tuple(head for partition in found for head in heads_of(partition, token, self.layout)),
            int(next_due) if next_due else None,
            wake_waits=wake_waits == 1,
            held=held == 1,
            rules=version,
        )

    def grown(self, cursors: Mapping[int, str], wait_ms: int) -> set[int]:
        """The partitions with something after their cursor; waits for one up to `wait_ms`."""
        prefix = destination_key(self._account.id, "log:")
        streams: dict[Any, Any] = {  # redis-py's own type for them is invariant
            prefix + str(partition): cursor or "0-0" for partition, cursor in cursors.items()
        }
        found = self._store.xread(streams, count=1, block=wait_ms or None)
        names = (name for name, _ in cast("list[tuple[bytes, object]]", found))
        return {int(name.removeprefix(prefix.encode())) for name in names}

    def settle(self, token: str, number: int, settlements: Sequence[Settlement]) -> Recorded:
        """Record the verdicts and let go of their deliveries, in one step.

        `number` grows with each call of a token; a call that is repeated with its number returns
        the first answer. Raises StaleLease.
        """
        words = (word for settlement in settlements for word in settlement.words())
        about = told(settlements), counted(settlements)
        answer = self._scripts.run("settle", token, number, *about, *words)
        if answer == b"stale":
            raise StaleLease
        return Recorded.read(cast("list[int]", answer), settlements)

    def split(self, token: str, splits: Sequence[Split]) -> set[tuple[int, str]]:
        """Put parts in the place of their deliveries; where that was done.

        What is not there any more stays as it is: it lies elsewhere. Raises StaleLease.
        """
        done: set[tuple[int, str]] = set()
        for first in range(0, len(splits), SPLIT_AT_ONCE):
            some = splits[first : first + SPLIT_AT_ONCE]
            answer = self._scripts.run(
                "split", token, *(word for one in some for word in one.words())
            )
            if answer == b"stale":
                raise StaleLease
            done |= {one.head.at for one, acted in zip(some, answer, strict=True) if acted}
        return done

    def release(
        self,
        token: str,
        cleared: Sequence[int] = (),
        added: Mapping[str, int] = MappingProxyType({}),
    ) -> bool:
        """Give all partitions of a token back; True when a wake is to be sent.

        What it has `added` to the figures counts once, however often it is given back.

        The deaths of pumps are held no longer against the partitions that it has `cleared`, nor
        against those in which nothing is due.
        """
        figures = msgspec.msgpack.encode(dict(added))
        return bool(self._scripts.run("release", token, self._account.pumps, figures, *cleared))

    def abandon(self, token: str) -> None:
        """Give the partitions of a token back when the store answers again: before a lease."""
        self._abandoned.add(token)

    @property
    def abandoned(self) -> frozenset[str]:
        """The tokens whose partitions are still to be given back."""
        return frozenset(self._abandoned)

    def alone(self, token: str, head: Head) -> int:
        """Record that a pump has nothing but this in hand; how many pumps died like that with it.

        Raises StaleLease.
        """
        answer = self._scripts.run("alone", token, head.partition, head.entry)
        if answer == b"stale":
            raise StaleLease
        return cast("int", answer)

    def overdue(self, patience_ms: int) -> Overdue:
        """Whether due work lies here that nobody moves; the tick's question."""
        answer: int = self._scripts.run("overdue", self._account.pumps, patience_ms)
        return OVERDUE[answer]

    def sweep(self) -> int:
        """Make partitions ready that nobody would wake; how many there were (0 is right)."""
        return cast("int", self._scripts.run("sweep", self.layout.total))

    def census(self) -> Census:
        """Where the deliveries are, in one step."""
        return census(self._scripts.run("census", self.layout.total))

    def sample(self, census: Census) -> bool:
        """Add a census to the history; False when this minute has one."""
        return bool(self._scripts.run("sample", history.encode(history.sample(census))))

    def now(self) -> int:
        """The moment by the clock that was given, else by this machine's."""
        return self._scripts.now()

    def days(self, newest: int = 7) -> list[Day]:
        """The ledger by day of acceptance, the newest first; without days on which none came."""
        return days(self._store, self._account.id, self._scripts.now(), newest)
