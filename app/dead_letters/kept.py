"""The dead letters of one destination: find, count, open, edit and discard them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha1
from itertools import islice
from typing import Literal, cast

import msgspec
import redis

from app import delivery
from app.clock import Clock
from app.dead_letters.burial import Burial
from app.dead_letters.edit import edited
from app.dead_letters.filter import Filter
from app.dead_letters.found import MICROSECONDS, Group, Look, Lying, Opened, Page, group, newest
from app.dead_letters.index import Buried, Index
from app.dead_letters.letters import decode, encode, event_name
from app.dead_letters.walk import Span
from app.keys import destination_key
from app.scripts import Scripts
from app.settings import DestinationSettings

STEP = 500
LOOKED_MAX = 5_000
DISCARDED_AT_ONCE = 25
OPENED_AT_ONCE = 50

End = Literal["discarded", "delivered"]


def unheard(_count: int) -> None:
    """Hears of no progress."""


class Changed(Exception):
    """The letter was replayed, discarded or edited meanwhile. Nothing was changed."""


class BuriedAgain(Exception):
    """The id is of a former burial: the letter was replayed and came back as `now`."""

    def __init__(self, id_: str, now: Buried) -> None:
        again = f"was replayed and buried again as {now.letter.reason}"
        super().__init__(f"the dead letter {id_} {again}: see {now.id}")
        self.now = now


class DeadLetters:
    """Takes time by the letters that it returns, not by those that there are.

    Where a filter has to scan, it looks at a bounded number of letters with each call.
    """

    def __init__(
        self, store: redis.Redis, account: DestinationSettings, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._account = account
        self._scripts = Scripts(store, account.id, clock)
        self._index = Index(store, account.id)

    def groups(self, reason: str | None = None) -> list[Group]:
        """All groups, the one with the newest letter first."""
        first = self._index.groups(reason)
        pipe = self._store.pipeline(transaction=False)
        for id_ in first:
            members = self._index.members(id_)
            pipe.zcard(members)
            pipe.zrange(members, 0, 0, withscores=True)
            pipe.zrange(members, -1, -1, withscores=True)
        answers = pipe.execute()
        told = zip(first.items(), answers[::3], answers[1::3], answers[2::3], strict=True)
        found = [(one, numbers) for one, *numbers in told if all(numbers)]
        found.sort(key=lambda pair: newest(*pair[1]), reverse=True)
        return [group(*one, *numbers) for one, numbers in found]

    def page(self, filter_: Filter, cursor: str | None = None, limit: int = 50) -> Page:
        """The next letters that match. It may be short, or empty, and yet have a `next_cursor`.

        Raises ValueError when the cursor is none of these.
        """
        span = _span(filter_, None if cursor is None else int(cursor))
        best = self._index.best(filter_, span)
        found: list[Buried] = []
        looked = 0
        step = limit + 1 if best.exact else STEP
        for entries in self._index.entries(best, span, step, newest_first=True):
            found += self._index.read(filter_, entries)
            looked += len(entries)
            if len(found) > limit:
                return Page(tuple(found[:limit]), str(found[limit - 1].at), looked)
            if looked >= LOOKED_MAX:
                return Page(tuple(found), str(entries[-1][0]), looked)
        return Page(tuple(found), None, looked)

    def scan(
        self, filter_: Filter, before: int | None = None, after: int = -1
    ) -> Iterator[Buried]:
        """All that match, the oldest first, read in pages.

        `before` and `after` are places `at`, which are not included.
        """
        for look in self.looks(filter_, before, after):
            yield from look.found

    def looks(
        self,
        filter_: Filter,
        before: int | None = None,
        after: int = -1,
        looked: Callable[[int], None] = unheard,
    ) -> Iterator[Look]:
        """The same by pages of the best index for the filter, so that one may stop and go on.

        `looked` hears at how many letters it has looked, and may end it with an exception.
        """
        span, total = _span(filter_, before, after), 0
        best = self._index.best(filter_, span)
        for entries in self._index.entries(best, span, STEP, newest_first=False):
            yield Look(self._index.read(filter_, entries), len(entries), entries[-1][0])
            total += len(entries)
            looked(total)

    def count(
        self,
        filter_: Filter,
        before: int | None = None,
        looked: Callable[[int], None] = unheard,
    ) -> int:
        """How many `scan` would find; without a scan where an index knows."""
        known = self.known(filter_, before)
        if known is not None:
            return known
        return sum(len(one.found) for one in self.looks(filter_, before, looked=looked))

    def known(self, filter_: Filter, before: int | None = None) -> int | None:
        """The same; None where letters would have to be looked at."""
        span = _span(filter_, before)
        best = self._index.best(filter_, span)
        return self._index.count(best, span) if best.exact else None

    def end(self) -> int:
        """The place after the newest letter: what is buried from now on is not before it."""
        at = destination_key(self._account.id, "dead:at")
        newest = self._store.zrange(at, -1, -1, withscores=True)
        return int(cast("list[tuple[bytes, float]]", newest)[0][1]) + 1 if newest else 0

    def open(self, id_: str) -> Opened | None:
        """A letter with its delivery; None when there is none. Raises BuriedAgain."""
        named = Burial.named(id_)
        found = None if named is None else self._lying(named)
        if named is None or found is None:
            return None
        return Opened(named.key, named.at, decode(found.packed), delivery.decode(found.payload))

    def opened(self, filter_: Filter, before: int | None = None) -> Iterator[Opened]:
        """All that match, the oldest first, each with its delivery; read in pages."""
        found = self.scan(filter_, before)
        while some := list(islice(found, OPENED_AT_ONCE)):
            yield from self.deliveries(some)

    def deliveries(self, found: Sequence[Buried]) -> Iterator[Opened]:
        """Those of these letters that are still there, each with its delivery; one call."""
        keys = [one.key for one in found]
        deliveries = destination_key(self._account.id, "dead:deliveries")
        payloads = self._store.hmget(deliveries, keys) if keys else []
        for one, payload in zip(found, cast("list[bytes | None]", payloads), strict=True):
            if payload is not None:
                yield Opened(one.key, one.at, one.letter, delivery.decode(payload))

    def edit(self, id_: str, event: bytes, accepts: Collection[str]) -> Opened | None:
        """Give a letter another event, of a type that the destination accepts; None without it.

        The first event stays beside the new one until the delivery is finished. Raises BadPayload,
        BuriedAgain and Changed.
        """
        named = Burial.named(id_)
        found = None if named is None else self._lying(named)
        if named is None or found is None:
            return None
        new = edited(delivery.decode(found.payload), event, accepts)
        letter = msgspec.structs.replace(decode(found.packed), event=event_name(new.event))
        seen = sha1(found.packed + found.payload, usedforsecurity=False).hexdigest()
        if not self._scripts.run("edit", named.key, seen, delivery.encode(new), encode(letter)):
            raise Changed
        return Opened(named.key, named.at, letter, new)

    def named(self, ids: Sequence[str]) -> list[Buried]:
        """Those of these letters that are there, each once."""
        burials = list(dict.fromkeys(one for id_ in ids if (one := Burial.named(id_))))
        steps = (burials[n : n + STEP] for n in range(0, len(burials), STEP))
        return [one for some in steps for one in self._index.lying(some)]

    def discard(self, ids: Sequence[str], as_: End = "discarded") -> int:
        """Let go of letters for good; how many of them there were."""
        return sum(self.discard_named(ids, as_))

    def discard_named(self, ids: Sequence[str], as_: End = "discarded") -> Iterator[int]:
        """The same step by step."""
        burials = [one for id_ in ids if (one := Burial.named(id_))]
        for n in range(0, len(burials), DISCARDED_AT_ONCE):
            yield self._discard(burials[n : n + DISCARDED_AT_ONCE], as_)

    def discard_all(
        self,
        filter_: Filter,
        before: int,
        as_: End = "discarded",
        most: int | None = None,
        looked: Callable[[int], None] = unheard,
    ) -> Iterator[int]:
        """Let go of what matches and lies before a place, the oldest first; how many, in steps.

        It breaks off after `most`, for more may match by now. `looked` hears at how many letters
        a scan has looked, and may end it with an exception.
        """
        found = islice(self._burials(filter_, before, looked), most)
        while burials := list(islice(found, DISCARDED_AT_ONCE)):
            yield self._discard(burials, as_)

    def _discard(self, burials: Sequence[Burial], as_: End) -> int:
        words = (word for one in burials for word in (one.key, one.at))
        return cast("int", self._scripts.run("discard", as_, *words))

    def _burials(
        self, filter_: Filter, before: int, looked: Callable[[int], None]
    ) -> Iterator[Burial]:
        """What matches, the oldest first; letters are read only where a scan must."""
        span = _span(filter_, before)
        best = self._index.best(filter_, span)
        if best.exact:
            for entries in self._index.entries(best, span, STEP, newest_first=False):
                yield from (Burial(key, at) for at, key in entries)
            return
        for look in self.looks(filter_, before, looked=looked):
            yield from (Burial(one.key, one.at) for one in look.found)

    def _lying(self, named: Burial) -> Lying | None:
        """What the store keeps of a letter. Raises BuriedAgain."""
        dead, deliveries, at = (
            destination_key(self._account.id, name)
            for name in ("dead", "dead:deliveries", "dead:at")
        )
        pipe = self._store.pipeline(transaction=True)
        pipe.hget(dead, named.key)
        pipe.hget(deliveries, named.key)
        pipe.zscore(at, named.key)
        packed, payload, place = pipe.execute()
        if place is None:
            return None
        if int(place) != named.at:
            raise BuriedAgain(named.id, Buried(named.key, int(place), decode(packed)))
        return Lying(int(place), packed, payload)


def _span(filter_: Filter, before: int | None, after: int = -1) -> Span:
    """The places that a filter's moments and two bounds leave."""
    if filter_.since is not None:
        after = max(after, filter_.since * MICROSECONDS - 1)
    if filter_.until is not None:
        until = filter_.until * MICROSECONDS
        before = until if before is None else min(before, until)
    return Span(after, before)
