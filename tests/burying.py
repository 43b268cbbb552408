"""Deliveries that fail by the thousand, through the scripts that a pump uses."""

import json
from collections.abc import Callable, Iterator

from app.append import Admission
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.verdict import buried_unsent

Fault = tuple[str, str]

FAULTS: tuple[Fault, ...] = (
    ("rejected", "Kable answered 400, clientId is unknown"),
    ("exhausted", "Kable answered 500"),
    ("unconfirmed", "the answer did not come in time"),
)
APPENDED_AT_ONCE = 5_000
SETTLED_AT_ONCE = 100


def three_faults(number: int) -> Fault:
    """Of a flood most fail alike: 18 of 20, and one each for another reason."""
    return FAULTS[0 if number % 10 else 1 + number % 20 // 10]


def bury(
    log: Log, number: int, fault: Callable[[int], Fault] = three_faults, now: int = 0
) -> None:
    """Append so many deliveries, m-0 of u-0 and so on, and bury each for its fault."""
    for first in range(0, number, APPENDED_AT_ONCE):
        numbers = range(first, min(number, first + APPENDED_AT_ONCE))
        log.append([admission(n) for n in numbers])
        bury_logged(log, fault, now)


def bury_logged(log: Log, fault: Callable[[int], Fault] = three_faults, now: int = 0) -> None:
    """Bury all that lies in the log or is due again, at most 5,000 of a partition."""
    token = "burying"
    settlements = [_buried(head, fault, now) for head in _heads(log, token)]
    for n in range(0, len(settlements), SETTLED_AT_ONCE):
        log.settle(token, n + 1, settlements[n : n + SETTLED_AT_ONCE])
    log.release(token)


def admission(number: int) -> Admission:
    event = {
        "type": "track",
        "event": "Call" if number % 2 else "Search",
        "messageId": f"m-{number}",
        "userId": f"u-{number}",
        "properties": {"delta": number},
    }
    return Admission(f"m-{number}", "web", f"u-{number}", json.dumps(event).encode())


def _heads(log: Log, token: str) -> Iterator[Head]:
    leased = log.lease(token, log.layout.partitions)
    assert isinstance(leased, Leased)
    readings = [Reading(p, "", APPENDED_AT_ONCE, APPENDED_AT_ONCE) for p in leased.partitions]
    found = log.heads(token, readings).heads
    yield from sorted(found, key=_number)


def _number(head: Head) -> int:
    name = head.delivery.id.removeprefix("m-")
    return int(name) if name.isdecimal() else 0


def _buried(head: Head, fault: Callable[[int], Fault], now: int) -> Settlement:
    reason, message = fault(_number(head))
    return buried_unsent(head, reason, message, now)
