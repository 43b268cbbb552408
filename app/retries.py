"""Retries: deliveries that wait to be tried again, in the order in which they are due."""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Self, cast

import redis

from app.delivery import Delivery, decode
from app.keys import destination_key

READ_AT_ONCE = 16

_CURSOR = re.compile(r"\d+\.\d+\.\d+-\d+")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a retry lies, in the order of the list; `due` is in ms since the epoch."""

    due: int
    partition: int
    entry: str

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """The place that a cursor names. Raises ValueError."""
        if not _CURSOR.fullmatch(cursor):
            raise ValueError(f"expected a cursor that a page gave; found {cursor}")
        due, partition, entry = cursor.split(".", 2)
        return cls(int(due), int(partition), entry)

    def __str__(self) -> str:
        return f"{self.due}.{self.partition}.{self.entry}"


@dataclass(frozen=True, slots=True)
class Retry:
    """A delivery that is tried again when due; `behind` are its user's later ones that wait."""

    place: Place
    delivery: Delivery
    behind: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some retries; `cursor` is where the next page begins, None behind the last one."""

    retries: tuple[Retry, ...]
    cursor: Place | None


def merged(pages: Mapping[str, Page], limit: int) -> tuple[list[tuple[str, Retry]], Place | None]:
    """The pages of several destinations as one: as far as all of them reach, then a cursor."""
    found = [(id_, retry) for id_, page in pages.items() for retry in page.retries]
    found.sort(key=lambda pair: pair[1].place)
    ends = [page.cursor for page in pages.values() if page.cursor is not None]
    if len(found) > limit:
        ends.append(found[limit - 1][1].place)
    if not ends:
        return found, None
    return [pair for pair in found if pair[1].place <= min(ends)], min(ends)


class Retries:
    """The retries of one destination; what reads them costs what a page holds, not all of them.

    `partitions` are all that there are, `Layout.total`.
    """

    def __init__(self, store: redis.Redis, destination: str, partitions: int) -> None:
        self._store = store
        self._destination = destination
        self._partitions = partitions

    def page(self, after: Place | None, limit: int) -> Page:
        """At most `limit` retries after a place, those that are due first first.

        A retry that is tried meanwhile may be missing, or come once more with its next moment.
        """
        merged = heapq.merge(*(self._after(one, after) for one in range(self._partitions)))
        places = list(islice(merged, limit + 1))
        chosen = places[:limit]
        cursor = chosen[-1] if len(places) > limit else None
        return Page(tuple(self._read(chosen)), cursor)

    def _after(self, partition: int, after: Place | None) -> Iterator[Place]:
        """The places of one partition; read a few at a time, for a page takes few from each."""
        key = self._key("due:", partition)
        begin = "-inf" if after is None else after.due
        for offset in count(0, READ_AT_ONCE):
            found = self._store.zrangebyscore(
                key, begin, "+inf", start=offset, num=READ_AT_ONCE, withscores=True
            )
            for entry, due in cast("list[tuple[bytes, float]]", found):
                place = Place(int(due), partition, entry.decode())
                if after is None or place > after:
                    yield place
            if len(found) < READ_AT_ONCE:
                return

    def _read(self, places: Sequence[Place]) -> Iterator[Retry]:
        with self._store.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.hget(self._key("late:", place.partition), place.entry)
            found = cast("list[bytes | None]", pipe.execute())
        kept = [
            (place, decode(payload))
            for place, payload in zip(places, found, strict=True)
            if payload is not None
        ]
        with self._store.pipeline(transaction=False) as pipe:
            for place, delivery in kept:
                pipe.zlexcount(self._key("order:", place.partition), *_range(delivery.user))
            behind = cast("list[int]", pipe.execute())
        for (place, delivery), later in zip(kept, behind, strict=True):
            yield Retry(place, delivery, later)

    def _key(self, name: str, partition: int) -> str:
        return destination_key(self._destination, name) + str(partition)


def _range(user: str) -> tuple[bytes, bytes]:
    """Where a user's deliveries stand in `order:`, as range_of of the scripts names it."""
    name = user.encode()
    begin = b"%d:%s:" % (len(name), name)
    return b"[" + begin, b"(" + begin + b";"
