"""The unmapped events of one destination: listed, grouped, and tried against rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from app.delivery import Delivery, decode
from app.keys import destination_key
from app.mapping import Rule, matching
from app.segment import Event
from app.unmapped.groups import Groups, grouped

LOOKED_MAX = 10_000
READ_AT_ONCE = 200
SAMPLES_MAX = 5
MICROSECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Parked:
    """An unmapped delivery; `at` is its place: the moment when it was parked, in microseconds."""

    letter: str
    at: int
    delivery: Delivery

    @property
    def event(self) -> Event:
        return Event.decode(self.delivery.event)

    @property
    def parked_at(self) -> int:
        """In ms since the epoch."""
        return self.at // MICROSECONDS


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them, the newest first; None as `next_cursor` says that there are no more."""

    items: tuple[Parked, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would match of the newest `looked` of `total` unmapped events."""

    total: int
    looked: int
    matched: int
    samples: tuple[Parked, ...]


class UnmappedEvents:
    """Reads; nothing here changes anything."""

    def __init__(self, store: redis.Redis, destination: str) -> None:
        self._store = store
        self._destination = destination

    def count(self) -> int:
        return self._store.hlen(self._key("unmapped"))

    def page(self, cursor: str | None = None, limit: int = 50) -> Page:
        """The next ones. Raises ValueError when the cursor is none of these."""
        before = "+inf" if cursor is None else f"({int(cursor)}"
        found = self._read(
            self._store.zrange(
                self._key("unmapped:at"),
                before,
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=limit,
                withscores=True,
            )
        )
        return Page(tuple(found), str(found[-1].at) if len(found) == limit else None)

    def groups(self) -> Groups:
        """The newest by event name, and by property and value."""
        return grouped(self.newest(LOOKED_MAX), self.count())

    def trial(self, rule: Rule) -> Trial:
        """What a rule would match, before there is one."""
        looked = matched = 0
        samples: list[Parked] = []
        for one in self.newest(LOOKED_MAX):
            looked += 1
            if matching([rule], one.event):
                matched += 1
                if len(samples) < SAMPLES_MAX:
                    samples.append(one)
        return Trial(self.count(), looked, matched, tuple(samples))

    def newest(self, most: int) -> Iterator[Parked]:
        """The newest first, read in steps."""
        before = "+inf"
        while most > 0:
            step = min(most, READ_AT_ONCE)
            names = self._store.zrange(
                self._key("unmapped:at"),
                before,
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=step,
                withscores=True,
            )
            yield from self._read(names)
            if len(cast("list[object]", names)) < step:
                return
            before, most = f"({int(cast('list[tuple[bytes, float]]', names)[-1][1])}", most - step

    def oldest(self, after: int, most: int) -> list[tuple[str, int]]:
        """(letter, place) of those beyond a place, the oldest first."""
        found = self._store.zrange(
            self._key("unmapped:at"),
            f"({after}",
            "+inf",
            byscore=True,
            offset=0,
            num=most,
            withscores=True,
        )
        pairs = cast("list[tuple[bytes, float]]", found)
        return [(letter.decode(), int(at)) for letter, at in pairs]

    def opened(self, places: Sequence[tuple[str, int]]) -> list[Parked]:
        """Those that are still there."""
        if not places:
            return []
        kept = self._store.hmget(self._key("unmapped"), [letter for letter, _ in places])
        payloads = cast("list[bytes | None]", kept)
        return [
            Parked(letter, at, decode(payload))
            for (letter, at), payload in zip(places, payloads, strict=True)
            if payload is not None
        ]

    def _read(self, found: object) -> list[Parked]:
        pairs = cast("list[tuple[bytes, float]]", found)
        return self.opened([(letter.decode(), int(at)) for letter, at in pairs])

    def _key(self, name: str) -> str:
        return destination_key(self._destination, name)
