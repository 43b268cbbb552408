"""What settlements add to the statistics: by the names of events and by what became of them. Pure.

A name is `track:` and the event's name, or the type of another call; so no track is taken for
one. What goes beyond the names of an hour is `other`, and what says no type `unknown`.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from app.delivery import Delivery
from app.moves import Settlement, Verb

TRACK = "track:"
OTHER = "other"
UNKNOWN = "unknown"
NAME_MAX = 100
LATER = "later:"
BURIED = "buried:"

# From acceptance to delivery, in ms: a poll, a retry, an outage, a week-end.
LATENCY_BOUNDS = (
    *(5, 10, 25, 50, 100, 250, 500),
    *(1_000, 2_500, 5_000, 10_000, 30_000),
    *(60_000, 300_000, 900_000),
    *(3_600_000, 21_600_000, 86_400_000, 259_200_000, 604_800_000),
)

_TYPES = frozenset({"identify", "page", "screen", "group", "alias"})

Lane = Literal["live", "bulk"]


class _Named(msgspec.Struct):
    type: object = ""
    event: object = ""


_named = msgspec.json.Decoder(_Named)
_encode = msgspec.msgpack.Encoder().encode


def name(one: Delivery) -> str:
    """How the pipeline names the event of a delivery. Longer names are cut at 100 characters."""
    try:
        event = _named.decode(one.chosen_by)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNKNOWN
    type_ = event.type if isinstance(event.type, str) else UNKNOWN
    if type_ == "track":
        return TRACK + _cut(event.event if isinstance(event.event, str) else "")
    return type_ if type_ in _TYPES else UNKNOWN


def named(key: str) -> tuple[str, str]:
    """The type of the calls behind a name, and the event's own name where it is a track."""
    type_, track, event = key.partition(":")
    return (type_, event) if track else ("" if key == OTHER else key, "")


def fate(settlement: Settlement) -> str:
    """What became of a delivery, in a word; empty for what the pipeline does not count.

    With `later:` before it unless it was settled for the first time.
    """
    one = settlement.head.delivery
    word = _word(settlement.verb, one, settlement.reason)
    return LATER + word if word and one.received else word


def counted(settlements: Sequence[Settlement]) -> bytes:
    """What settle.lua needs to count: the bounds of latencies, groups, and the group of each.

    A group is a name, a fate, and where it was delivered a lane; 0 is for none.
    """
    groups: dict[tuple[str, str, Lane | str], int] = {}
    of = [_group(settlement, groups) for settlement in settlements]
    return _encode((LATENCY_BOUNDS, tuple(groups), of))


def _group(settlement: Settlement, groups: dict[tuple[str, str, Lane | str], int]) -> int:
    word = fate(settlement)
    if not word:
        return 0
    head = settlement.head
    lane = ("bulk" if head.bulk else "live") if settlement.verb == "delivered" else ""
    return groups.setdefault((name(head.delivery), word, lane), len(groups) + 1)


def _word(verb: Verb, one: Delivery, reason: str) -> str:
    match verb:
        case "delivered":
            return "delivered_after_retry" if one.attempts else "delivered"
        case "retry" | "block":
            return "" if one.counted else "retried"
        case "behind":
            return "" if one.received else "behind"
        case "park":
            return "unmapped"
        case "bury":
            return BURIED + reason
        case "unmark":
            return ""
        case _:
            return verb


def _cut(name: str) -> str:
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"
