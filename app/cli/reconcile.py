"""`relay reconcile`: what the relay delivered beside what the destinations themselves count."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

import redis

from app.cli.exits import DONE, UNREACHABLE, WRONG_USE, leave
from app.cli.reconciled import ByDay, ByPeriod, Doubts, Failed, Report, exit_code, item, show
from app.client import Client
from app.dead_letters import DeadLetters
from app.destination import Counted, CountFailed, CountsByDay, CountsByFeature, Span
from app.destinations import KINDS
from app.doubts import doubts
from app.ledger import DAYS_KEPT, Day
from app.log import Log
from app.readiness import connect_once
from app.reconcile import (
    Counterpart,
    compared,
    count_by_day,
    count_by_feature,
    unconfirmed,
)
from app.settings import DestinationSettings, Settings

DAYS = 7


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; `since` and `until` are days, the last one included."""

    destination: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    user: str | None = None
    feature: str | None = None
    unconfirmed: bool = False


def run(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    accounts = _accounts(settings, wish)
    span = _span(wish, datetime.now(UTC))
    try:
        with connect_once(settings.store_url.get_secret_value()) as store:
            reports = [
                report for account in accounts for report in _reports(store, account, wish, span)
            ]
    except redis.RedisError as error:
        leave(f"the store does not answer ({error})", UNREACHABLE)
    if as_json:
        items = [item(report) for report in reports]
        json.dump({"items": items, "next_cursor": None}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for report in reports:
            show(report)
    return max((exit_code(report) for report in reports), default=DONE)


def _accounts(settings: Settings, wish: Wish) -> list[DestinationSettings]:
    accounts = list(settings.destinations.values())
    if wish.destination is not None:
        if wish.destination not in settings.destinations:
            known = ", ".join(settings.destinations)
            leave(
                f"there is no destination {wish.destination}; expected one of {known}", WRONG_USE
            )
        accounts = [settings.destinations[wish.destination]]
    fitting = [account for account in accounts if _fits(account, wish)]
    if not fitting:
        leave(_advice(wish), WRONG_USE)
    return fitting


def _fits(account: DestinationSettings, wish: Wish) -> bool:
    match KINDS[account.kind].counts:
        case CountsByDay():
            return not wish.unconfirmed and wish.feature is None
        case CountsByFeature():
            by_day = wish.since is not None or wish.until is not None
            return not by_day and (wish.user is None) == (wish.feature is None)
        case None:
            return False
        case _ as never:
            assert_never(never)


def _advice(wish: Wish) -> str:
    where = wish.destination or "no destination"
    return (
        f"{where} cannot answer that: expected --user with --feature, or --unconfirmed, for one "
        "that counts by feature (kana), in periods of its own; --since, --until or --user for one "
        "that counts by day (kable)"
    )


def _span(wish: Wish, now: datetime) -> Span:
    """From midnight before the first day to midnight after the last."""
    last = (wish.until or now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    first = wish.since.replace(tzinfo=UTC) if wish.since else last - timedelta(days=DAYS - 1)
    if not first <= last <= now:
        leave("expected --since DAY not after --until DAY, and neither in the future", WRONG_USE)
    if now - first >= timedelta(days=DAYS_KEPT):
        leave(f"expected --since within {DAYS_KEPT} days: older days are forgotten", WRONG_USE)
    return Span(first, last + timedelta(days=1), wish.user)


def _reports(
    store: redis.Redis, account: DestinationSettings, wish: Wish, span: Span
) -> Iterator[Report]:
    kind = KINDS[account.kind]
    client = Client(kind, account)
    try:
        counterpart = Counterpart(kind, account, client)
        match kind.counts:
            case CountsByDay() as counts:
                # What is delivered between the two readings then counts as unfinished here.
                newest = (datetime.now(UTC) - span.since).days + 1
                ledger = Log(store, account).days(newest)
                yield _by_day(account, span, ledger, count_by_day(counterpart, counts, span))
            case CountsByFeature() as counts if wish.user and wish.feature:
                count = count_by_feature(counterpart, counts, wish.user, wish.feature)
                yield _by_period(account, count)
            case CountsByFeature() as counts:
                found = unconfirmed(counterpart, counts, doubts(DeadLetters(store, account)))
                yield Doubts(account.id, list(found))
    finally:
        client.close()


def _by_day(
    account: DestinationSettings,
    span: Span,
    ledger: Iterable[Day],
    count: Counted | CountFailed,
) -> Report:
    if span.customer is not None or isinstance(count, CountFailed):
        return _by_period(account, count)
    return ByDay(account.id, compared(ledger, count.periods, span))


def _by_period(account: DestinationSettings, count: Counted | CountFailed) -> Report:
    if isinstance(count, CountFailed):
        return Failed(account.id, count)
    return ByPeriod(account.id, count.periods)
