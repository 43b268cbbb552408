"""Walks sorted sets that name letters by when they were buried, several as if they were one.

A score is the moment in microseconds, made unique, so that it is a cursor as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import redis

FEWEST = 16

Entry = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Span:
    """The scores between two others, which are not included."""

    after: int = -1
    before: int | None = None

    def __contains__(self, score: int) -> bool:
        return self.after < score and (self.before is None or score < self.before)

    @property
    def ends(self) -> tuple[str, str]:
        return f"({self.after}", "+inf" if self.before is None else f"({self.before}"

    def beyond(self, score: int, *, newest_first: bool) -> "Span":
        """What is left of it once a walk has come to a score."""
        return replace(self, before=score) if newest_first else replace(self, after=score)


def walk(
    store: redis.Redis, keys: Sequence[str], span: Span, step: int, *, newest_first: bool
) -> Iterator[list[Entry]]:
    """(score, letter) of all the sets in order, about `step` at a time."""
    left: Span | None = span
    while keys and left is not None:
        found, left = _step(
            store, keys, left, max(FEWEST, step // len(keys)), newest_first=newest_first
        )
        for first in range(0, len(found), step):
            yield found[first : first + step]


def _step(
    store: redis.Redis, keys: Sequence[str], span: Span, each: int, *, newest_first: bool
) -> tuple[list[Entry], Span | None]:
    """The next of every set, up to where the first of those ends that go on, and what is left."""
    low, high = span.ends
    pipe = store.pipeline(transaction=False)
    for key in keys:
        start, end = (high, low) if newest_first else (low, high)
        pipe.zrange(
            key,
            start,
            end,
            desc=newest_first,
            withscores=True,
            byscore=True,
            offset=0,
            num=each,
        )
    answers = [_entries(answer) for answer in pipe.execute()]
    horizons = [found[-1][0] for found in answers if len(found) == each]
    merged = sorted((one for found in answers for one in found), reverse=newest_first)
    if not horizons:
        return merged, None
    horizon = max(horizons) if newest_first else min(horizons)
    left = span.beyond(horizon, newest_first=newest_first)
    return [one for one in merged if one[0] not in left], left


def _entries(answer: object) -> list[Entry]:
    pairs = cast("Sequence[tuple[bytes, float]]", answer)
    return [(int(score), letter.decode()) for letter, score in pairs]
