"""Deliveries that wait to be tried again, by the thousand, through the scripts of a pump."""

from collections.abc import Iterator, Sequence

import msgspec

from app import delivery
from app.append import Admission
from app.delivery import Attempt
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement, Verb
from app.verdict import put_behind

TOKEN = "retrying"
LATEST_MS = 4 * 3_600_000
APPENDED_AT_ONCE = 1_000
SETTLED_AT_ONCE = 100
TRIED = Attempt(1_700_000_000_000, 503, "Kable answered 503", 120)


def put_off(log: Log, admissions: Iterator[Admission], *, ordered: bool = False) -> None:
    """Append all, and put each off by up to four hours after an attempt.

    With `ordered`, a user's later ones wait behind the first.
    """
    first_of: dict[str, str] = {}
    while some := [one for _, one in zip(range(APPENDED_AT_ONCE), admissions, strict=False)]:
        log.append(some)
        for head in (heads := _heads(log)):
            first_of.setdefault(head.delivery.user, head.entry)
        _settle(log, [_put_off(head, first_of, ordered=ordered) for head in heads])


def _put_off(head: Head, first_of: dict[str, str], *, ordered: bool) -> Settlement:
    if ordered and first_of[head.delivery.user] != head.entry:
        return put_behind(head)
    tried = msgspec.structs.replace(head.delivery, attempts=(TRIED,))
    verb: Verb = "block" if ordered else "retry"
    wait_ms = 60_000 + hash(head.entry) % LATEST_MS
    return Settlement(head, verb, wait_ms, delivery.encode(tried))


def _heads(log: Log) -> Sequence[Head]:
    leased = log.lease(TOKEN, log.layout.partitions)
    assert isinstance(leased, Leased)
    return log.heads(TOKEN, [Reading(p, "", APPENDED_AT_ONCE, 0) for p in leased.partitions]).heads


def _settle(log: Log, settlements: Sequence[Settlement]) -> None:
    for first in range(0, len(settlements), SETTLED_AT_ONCE):
        log.settle(TOKEN, first + 1, settlements[first : first + SETTLED_AT_ONCE])
    log.release(TOKEN)
