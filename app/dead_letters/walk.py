"""Walks the sorted sets that name letters by when they were buried, several as if they were one.

That moment, in microseconds and made unique, is a place in the order and a cursor as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Protocol, cast

import redis
from redis.client import Pipeline

FEWEST = 2
PLACE_DIGITS = 16
PLACE_MAX = 10**PLACE_DIGITS - 1

Entry = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Span:
    """The places between two others, which are not included."""

    after: int = -1
    before: int | None = None

    def __contains__(self, place: int) -> bool:
        return self.after < place and (self.before is None or place < self.before)

    def beyond(self, place: int, *, newest_first: bool) -> "Span":
        """What is left of it once a walk has come to a place."""
        return replace(self, before=place) if newest_first else replace(self, after=place)


class Source(Protocol):
    """What names letters in the order of their places."""

    def ask(self, pipe: Pipeline, span: Span, most: int, *, newest_first: bool) -> None: ...
    def ask_count(self, pipe: Pipeline, span: Span) -> None: ...
    def entries(self, answer: object) -> list[Entry]: ...


@dataclass(frozen=True, slots=True)
class Scored:
    """A sorted set whose members are letters and whose scores are their places."""

    key: str

    def ask(self, pipe: Pipeline, span: Span, most: int, *, newest_first: bool) -> None:
        low, high = _scores(span)
        first, last = (high, low) if newest_first else (low, high)
        pipe.zrange(
            self.key,
            first,
            last,
            desc=newest_first,
            withscores=True,
            byscore=True,
            offset=0,
            num=most,
        )

    def ask_count(self, pipe: Pipeline, span: Span) -> None:
        pipe.zcount(self.key, *_scores(span))

    def entries(self, answer: object) -> list[Entry]:
        pairs = cast("Sequence[tuple[bytes, float]]", answer)
        return [(int(place), letter.decode()) for letter, place in pairs]


@dataclass(frozen=True, slots=True)
class Spelled:
    """The letters of one user, or of one event, in a sorted set that spells each name out.

    A member is `<bytes of the name>:<name>:<place>:<letter>`, as spelled of the scripts writes it.
    """

    key: str
    name: str

    def ask(self, pipe: Pipeline, span: Span, most: int, *, newest_first: bool) -> None:
        low, high = self._members(span)
        ends = (high, low) if newest_first else (low, high)
        pipe.zrange(self.key, *ends, desc=newest_first, bylex=True, offset=0, num=most)

    def ask_count(self, pipe: Pipeline, span: Span) -> None:
        pipe.zlexcount(self.key, *self._members(span))

    def entries(self, answer: object) -> list[Entry]:
        skipped = len(self._prefix)
        tails = (member[skipped:].decode() for member in cast("Sequence[bytes]", answer))
        return [(int(tail[:PLACE_DIGITS]), tail[PLACE_DIGITS + 1 :]) for tail in tails]

    def _members(self, span: Span) -> tuple[bytes, bytes]:
        first = b"[" + self._spelled(span.after + 1)
        if span.before is None:
            return first, b"(%s;" % self._prefix[:-1]  # what comes after a colon
        return first, b"(" + self._spelled(span.before)

    def _spelled(self, place: int) -> bytes:
        """A place with more digits would stand among earlier ones; no letter has such a one."""
        return b"%s%0*d" % (self._prefix, PLACE_DIGITS, min(place, PLACE_MAX))

    @property
    def _prefix(self) -> bytes:
        name = self.name.encode()
        return b"%d:%s:" % (len(name), name)


def walk(
    store: redis.Redis, sources: Sequence[Source], span: Span, step: int, *, newest_first: bool
) -> Iterator[list[Entry]]:
    """(place, letter) of all sources in order, at most `step` at a time.

    What it reads of a source grows with what it takes from it: a thousand that hold little cost
    one short reading each.
    """
    if not sources:
        return
    asked = max(FEWEST, step // len(sources))
    first = _read(store, sources, span, asked, newest_first=newest_first)
    rows = (
        _row(store, source, span, found, asked, step, newest_first=newest_first)
        for source, found in zip(sources, first, strict=True)
    )
    merged = merge(*rows, reverse=newest_first)
    while some := list(islice(merged, step)):
        yield some


def count(store: redis.Redis, sources: Sequence[Source], span: Span) -> int:
    """How many entries a walk would come by."""
    pipe = store.pipeline(transaction=False)
    for source in sources:
        source.ask_count(pipe, span)
    return sum(cast("list[int]", pipe.execute()))


def _row(
    store: redis.Redis,
    source: Source,
    span: Span,
    found: list[Entry],
    asked: int,
    most: int,
    *,
    newest_first: bool,
) -> Iterator[Entry]:
    """All of one source, of which `found` is what came when `asked` were asked for."""
    while True:
        yield from found
        if len(found) < asked:
            return
        span = span.beyond(found[-1][0], newest_first=newest_first)
        asked = min(2 * asked, max(most, FEWEST))
        [found] = _read(store, [source], span, asked, newest_first=newest_first)


def _read(
    store: redis.Redis, sources: Sequence[Source], span: Span, most: int, *, newest_first: bool
) -> list[list[Entry]]:
    pipe = store.pipeline(transaction=False)
    for source in sources:
        source.ask(pipe, span, most, newest_first=newest_first)
    answers = zip(sources, pipe.execute(), strict=True)
    return [source.entries(answer) for source, answer in answers]


def _scores(span: Span) -> tuple[str, str]:
    return f"({span.after}", "+inf" if span.before is None else f"({span.before}"
