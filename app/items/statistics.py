"""What became of deliveries by hour and event, and how all stood by the minute."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app.fates import named
from app.history import MINUTE_MS, Sample, SourceSample, rates, source_rates
from app.items.shape import Item
from app.pipeline import WORDS, Fates, Named, Numbers, Pipeline
from app.timestamps import instant

LEVELS = tuple(name for name in Sample.__struct_fields__ if name not in ("at", "oldest_at"))


SOURCE_COUNTS = {
    "accepted": "accepted",
    "repeats": "deduplicated",
    "unrouted": "unrouted",
    "refused": "refused",
}


def pipeline(destination: str, one: Pipeline) -> Item:
    """What became of deliveries by hour and by event; see `Fates` and `Numbers` for the words.

    The numbers count what a pump looked at first and later together, `later` the latter alone.
    What waits for a retry now is known over all events only: it stands in the destination.
    """
    return {
        "destination": destination,
        "since": instant(one.since),
        "until": instant(one.until),
        **_numbers(one.numbers),
        "events": [_named(named_) for named_ in one.events],
        "hidden_events": one.hidden,
        "hours": [{"at": instant(hour.at), **_numbers(hour.numbers)} for hour in one.hours],
    }


def history(destination: str, minutes: Sequence[Sample | None], until: int) -> Item:
    """How it stood in each of the minutes before `until` (ms), as `by_minute` orders them.

    A minute without a sample has null for all but `at`; `per_second` is null after one too.
    """
    at = _minutes(until, len(minutes))
    pairs = zip(at, minutes, (None, *minutes), strict=False)
    return {"destination": destination, "samples": [_sample(*pair) for pair in pairs]}


def source_history(source: str, minutes: Sequence[SourceSample | None], until: int) -> Item:
    """The same of a source: `accepted`, `repeats`, `unrouted` and `refused`."""
    at = _minutes(until, len(minutes))
    pairs = zip(at, minutes, (None, *minutes), strict=False)
    return {"source": source, "samples": [_source_sample(*pair) for pair in pairs]}


def _minutes(until: int, count: int) -> list[str]:
    last = until // MINUTE_MS
    return [instant(minute * MINUTE_MS) for minute in range(last - count + 1, last + 1)]


def _sample(minute: str, one: Sample | None, before: Sample | None) -> Item:
    if one is None:
        return {"at": minute, **dict.fromkeys((*LEVELS, "oldest_seconds", "per_second"))}
    found = rates(before, one) if before else None
    return {
        "at": minute,
        **{name: getattr(one, name) for name in LEVELS},
        "oldest_seconds": None if one.oldest_ms is None else one.oldest_ms / 1000,
        "per_second": asdict(found) if found else None,
    }


def _source_sample(minute: str, one: SourceSample | None, before: SourceSample | None) -> Item:
    if one is None:
        return {"at": minute, **dict.fromkeys((*SOURCE_COUNTS, "per_second"))}
    found = source_rates(before, one) if before else None
    return {
        "at": minute,
        **{word: getattr(one, name) for word, name in SOURCE_COUNTS.items()},
        "per_second": _source_words(asdict(found)) if found else None,
    }


def _source_words(rates: Mapping[str, float]) -> Item:
    return {word: rates[name] for word, name in SOURCE_COUNTS.items()}


def _named(one: Named) -> Item:
    """`event` is what the pipeline is asked by; `type` is empty where names are counted as one."""
    type_, name = named(one.event)
    return {"event": one.event, "type": type_, "name": name, **_numbers(one.numbers)}


def _numbers(one: Numbers) -> Item:
    first, later = _fates(one.first), _fates(one.later)
    return {
        "received": one.received,
        **{word: first[word] + later[word] for word in first},
        "dead_by_reason": _together(one.first.dead, one.later.dead),
        "later": {**later, "dead_by_reason": dict(one.later.dead)},
    }


def _fates(one: Fates) -> dict[str, int]:
    words: dict[str, int] = {word: getattr(one, word) for word in WORDS}
    return {**words, "dead": sum(one.dead.values())}


def _together(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
