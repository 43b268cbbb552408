"""What became of deliveries by hour and event."""

from collections.abc import Mapping

from app.fates import named
from app.items.shape import Item
from app.pipeline import WORDS, Fates, Named, Numbers, Pipeline
from app.timestamps import instant


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
