"""What became of a destination's deliveries, by hour and by the names of their events.

settle.lua counts it along, so that it is as exact as the ledger. What was received is counted by
the hour in which a pump settled it for the first time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import redis

from app.fates import BURIED, LATER
from app.keys import destination_key

HOUR_MS = 3_600_000
HOURS_MAX = 200  # kept for nine days at least; a reader's bound
EVENTS_MAX = 250
HOURS_AT_ONCE = 24

Counts = Counter[str]


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of deliveries, each counted under one word.

    `delivered` tells of those at their first attempt. `retried` and `behind` go on: they began to
    wait for a retry, or behind an earlier delivery of their user. `dead` is by reason; it stays
    what was buried, whatever an operator decided since.
    """

    filtered: int = 0
    before_cutover: int = 0
    dry_run: int = 0
    skipped: int = 0
    unmapped: int = 0
    behind: int = 0
    retried: int = 0
    delivered: int = 0
    delivered_after_retry: int = 0
    dead: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        counts: list[int] = [getattr(self, word) for word in WORDS]
        return sum(counts) + sum(self.dead.values())


WORDS = tuple(word for word in Fates.__dataclass_fields__ if word != "dead")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What became of deliveries when a pump `first` looked at them, and what `later`.

    Later are those that waited: for a retry, behind another, for a rule, or as dead letter. They
    may have been received in an hour before.
    """

    first: Fates
    later: Fates

    @property
    def received(self) -> int:
        return self.first.total


@dataclass(frozen=True, slots=True)
class Named:
    """The numbers of an event's name, as `fates.name` makes it."""

    event: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Hour:
    """The numbers of the hour that began `at` (ms since the epoch)."""

    at: int
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Whole hours from `since` to `until` (ms since the epoch), in all, by name and by hour.

    `events` are those with most received first, and `hidden` tells how many more there are;
    `hours` are in order, also those in which nothing happened.
    """

    since: int
    until: int
    numbers: Numbers
    events: tuple[Named, ...]
    hidden: int
    hours: tuple[Hour, ...]


_decoder = msgspec.msgpack.Decoder(dict[str, int])


def pipeline(
    store: redis.Redis, destination: str, since: int, until: int, event: str | None = None
) -> Pipeline:
    """The hours that the span touches (ms since the epoch), the newest 200; of one name or all."""
    end = -(-until // HOUR_MS)
    first = max(since // HOUR_MS, end - HOURS_MAX)
    hours, names = [], defaultdict[str, Counts](Counter)
    for hour, found in _read(store, destination, range(first, end), event):
        counts = Counts()
        for name, kept in found.items():
            _add(counts, kept)
            _add(names[name], kept)
        hours.append((hour, counts))
    whole = Counts()
    for _, counts in hours:
        whole.update(counts)
    named = sorted(
        (Named(name, _numbers(counts)) for name, counts in names.items()),
        key=lambda one: (-one.numbers.received, -one.numbers.later.total, one.event),
    )
    return Pipeline(
        first * HOUR_MS,
        max(first, end) * HOUR_MS,
        _numbers(whole),
        tuple(named[:EVENTS_MAX]),
        max(0, len(named) - EVENTS_MAX),
        tuple(Hour(hour * HOUR_MS, _numbers(counts)) for hour, counts in hours),
    )


Found = Mapping[str, Mapping[str, int]]


def _read(
    store: redis.Redis, destination: str, hours: Sequence[int], event: str | None
) -> Iterator[tuple[int, Found]]:
    """What is kept of each hour by name, some hours in a round trip."""
    key = destination_key(destination, "hour:")
    for begin in range(0, len(hours), HOURS_AT_ONCE):
        some = hours[begin : begin + HOURS_AT_ONCE]
        pipe = store.pipeline(transaction=False)
        for hour in some:
            if event is None:
                pipe.hgetall(f"{key}{hour}")
            else:
                pipe.hget(f"{key}{hour}", event)
        for hour, kept in zip(some, pipe.execute(), strict=True):
            yield hour, _decoded(kept if event is None else _alone(event, kept))


def _alone(event: str, kept: bytes | None) -> dict[bytes, bytes]:
    return {} if kept is None else {event.encode(): kept}


def _decoded(kept: dict[bytes, bytes]) -> Found:
    return {name.decode(): _decoder.decode(counts) for name, counts in kept.items()}


def _add(counts: Counts, more: Mapping[str, int]) -> None:
    for word, count in more.items():
        counts[word] += count


def _numbers(counts: Counts) -> Numbers:
    first = {word: count for word, count in counts.items() if not word.startswith(LATER)}
    later = {word.removeprefix(LATER): n for word, n in counts.items() if word not in first}
    return Numbers(_fates(first), _fates(later))


def _fates(counts: Mapping[str, int]) -> Fates:
    dead = ((word, n) for word, n in sorted(counts.items()) if word.startswith(BURIED))
    return Fates(
        **{word: counts[word] for word in WORDS if word in counts},
        dead={word.removeprefix(BURIED): n for word, n in dead},
    )
