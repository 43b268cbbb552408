"""Which billing periods are closed, and whether a backlog comes too late for one. Pure."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

# Kable computes invoices an hour after midnight, to allow for delivery delay (docs, Invoices).
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cut:
    """A period ends at `ends`; what it holds is billed if it is delivered before `closes`."""

    ends: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, the oldest since a moment; `pace` is how many are finished a second by now.

    None for a pace that nobody knows, 0 where nothing flows until somebody acts.
    """

    waiting: int
    oldest: datetime | None
    pace: float | None


def closed_before(now: datetime, billing_day: int) -> datetime:
    """The moment before which every period is closed.

    A period begins on the `billing_day` of a month (1 to 28) at 00:00 UTC and closes an hour after
    the next has begun.
    """
    return _begun(now - GRACE, billing_day)


def period_cut(now: datetime, billing_day: int, grace: timedelta) -> Cut:
    """The next cut of periods of a month."""
    next_month = _begun(now - grace, billing_day).replace(day=1) + timedelta(days=32)
    ends = next_month.replace(day=billing_day)
    return Cut(ends, ends + grace)


def day_cut(now: datetime, grace: timedelta) -> Cut:
    """The next midnight (UTC), at which some customer's period may end."""
    last = (now - grace).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = last + timedelta(days=1)
    return Cut(ends, ends + grace)


def overrun_s(cut: Cut, backlog: Backlog, now: datetime) -> float | None:
    """By how long what waits is expected to miss the cut, in s; below 0 it comes in time.

    Infinite where nothing flows, None where the pace is not known. What comes from now on is not
    foreseen.
    """
    owed = _owed(cut, backlog, now)
    spare = (cut.closes - now).total_seconds()
    if not owed:
        return -spare
    if backlog.pace is None:
        return None
    return owed / backlog.pace - spare if backlog.pace else math.inf


def _owed(cut: Cut, backlog: Backlog, now: datetime) -> float:
    """How much of it came before the period's end, as if it had come evenly."""
    if not backlog.waiting or backlog.oldest is None or backlog.oldest >= cut.ends:
        return 0
    if now <= cut.ends:
        return backlog.waiting
    return backlog.waiting * (cut.ends - backlog.oldest) / (now - backlog.oldest)


def _begun(now: datetime, billing_day: int) -> datetime:
    """When the period of this moment began."""
    begins = now.replace(day=billing_day, hour=0, minute=0, second=0, microsecond=0)
    if begins <= now:
        return begins
    return (begins.replace(day=1) - timedelta(days=1)).replace(day=billing_day)
