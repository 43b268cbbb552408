"""What the relay delivered beside what a destination itself counts. Nothing is changed by it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.client import Client
from app.destination import (
    Counted,
    CountFailed,
    CountsByDay,
    CountsByFeature,
    Destination,
    Period,
    Reply,
    Request,
    Span,
    Usage,
)
from app.doubts import Doubt
from app.ledger import Day
from app.segment import Event
from app.settings import DestinationSettings


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A destination that can be asked: its kind, its account and the connections to it."""

    destination: Destination[Any]
    account: DestinationSettings
    client: Client


@dataclass(frozen=True, slots=True)
class Compared:
    """One day of both ledgers, or without a day their sum.

    The relay's is by the day of acceptance, the destination's by its own idea of when an event
    happened. `unfinished` waits or is tried again.
    """

    day: date | None
    accepted: int
    delivered: int
    unfinished: int
    dead: int
    counted: int

    @property
    def difference(self) -> int:
        """Below 0 the destination counts fewer than it confirmed."""
        return self.counted - self.delivered


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What may or may not have been recorded of one user and feature, and what was counted.

    `delta` is the sum of the letters', `since` the burial of the oldest.
    """

    user: str
    feature: str
    letters: int
    delta: int
    since: datetime
    count: Counted | CountFailed

    @property
    def periods(self) -> tuple[Period, ...]:
        """Those in which the usage can lie."""
        if isinstance(self.count, CountFailed):
            return ()
        return tuple(period for period in self.count.periods if period.end > self.since)


def count_by_day(
    counterpart: Counterpart, counts: CountsByDay[Any], span: Span
) -> Counted | CountFailed:
    """What the destination counts in the span, as it puts it."""
    return _asked(counterpart, counts.ask(span, counterpart.account), counts.told)


def count_by_feature(
    counterpart: Counterpart, counts: CountsByFeature[Any], user: str, feature: str
) -> Counted | CountFailed:
    """What the destination says that the user used of the feature."""
    return _asked(counterpart, counts.ask(user, feature, counterpart.account), counts.told)


def compared(ledger: Iterable[Day], periods: Iterable[Period], span: Span) -> list[Compared]:
    """Both ledgers side by side, a row for every day of the span."""
    days = {day.day: day for day in ledger}
    counted: dict[date, int] = {}
    for period in periods:
        counted[period.start.date()] = counted.get(period.start.date(), 0) + period.total
    length = (span.until - span.since).days
    asked = (span.since.date() + timedelta(number) for number in range(length))
    return [_compared(day, days.get(day), counted.get(day, 0)) for day in asked]


def sum_of(days: Sequence[Compared]) -> Compared:
    return Compared(
        day=None,
        accepted=sum(day.accepted for day in days),
        delivered=sum(day.delivered for day in days),
        unfinished=sum(day.unfinished for day in days),
        dead=sum(day.dead for day in days),
        counted=sum(day.counted for day in days),
    )


def meaning(row: Compared) -> str:
    """What the difference of a row says, in a few words; empty where there is none."""
    open_ends = row.unfinished + row.dead
    if row.difference < 0:
        return (
            f"{-row.difference} that it took are not counted, or counted on another day, "
            "or lack the dimension"
        )
    if row.difference > open_ends:
        return "counts more than the relay sent: of another day, or from another sender"
    if row.difference > 0:
        return f"may have some of {open_ends} whose delivery was not confirmed"
    return ""


def unconfirmed(
    counterpart: Counterpart,
    counts: CountsByFeature[Any],
    doubts: Iterable[Doubt],
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Unconfirmed]:
    """The unconfirmed usage by user and feature, each with the destination's own count.

    Asks one after the other, no faster than the account's rate, and no more once the destination
    does not answer. Events that stand for no usage are the last group, without user and feature.
    """
    away: CountFailed | None = None
    rate = counterpart.account.rate
    found = _grouped(counterpart, counts, doubts).items()
    groups = sorted(found, key=lambda group: (not group[0][1], group[0]))
    for number, ((user, feature), usages) in enumerate(groups):
        if number and rate and away is None:
            pause(1 / rate)
        count = (
            away or count_by_feature(counterpart, counts, user, feature)
            if feature
            else CountFailed("stands for no usage as the destination is set up now")
        )
        if isinstance(count, CountFailed) and count.away:
            away = count
        yield Unconfirmed(
            user=user,
            feature=feature,
            letters=len(usages),
            delta=sum(delta for delta, _ in usages),
            since=datetime.fromtimestamp(min(at for _, at in usages) / 1000, UTC),
            count=count,
        )


def _asked(
    counterpart: Counterpart,
    request: Request | CountFailed,
    told: Callable[[Reply], Counted | CountFailed],
) -> Counted | CountFailed:
    if isinstance(request, CountFailed):
        return request
    return told(counterpart.client.send(request))


def _compared(day: date, ledger: Day | None, counted: int) -> Compared:
    if ledger is None:
        return Compared(day, 0, 0, 0, 0, counted)
    return Compared(
        day=day,
        accepted=ledger.accepted,
        delivered=ledger.delivered,
        unfinished=ledger.waiting + ledger.retrying,
        dead=ledger.dead,
        counted=counted,
    )


def _grouped(
    counterpart: Counterpart, counts: CountsByFeature[Any], doubts: Iterable[Doubt]
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Delta and burial (ms) of each usage, by user and feature."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for doubt in doubts:
        event = Event.decode(doubt.event)
        usage = counts.used(event, counterpart.account) or Usage("", "", 0)
        usages = found.setdefault((usage.user, usage.feature), [])
        usages.append((usage.delta, doubt.buried_at))
    return found
