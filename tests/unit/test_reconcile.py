"""What app/reconcile.py and its command make of two ledgers, and of what is in doubt."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from app.cli.reconciled import ByDay, ByPeriod, Doubts, Failed, Report, exit_code, item
from app.client import Client
from app.destination import Counted, CountFailed, Period, Span
from app.destinations.kana import COUNTS, KANA, KanaAccount
from app.doubts import Doubt
from app.ledger import Day
from app.reconcile import (
    Compared,
    Counterpart,
    Unconfirmed,
    compared,
    meaning,
    sum_of,
    unconfirmed,
)
from tests.processes import free_port

NINTH, TENTH, ELEVENTH = (datetime(2022, 1, day, tzinfo=UTC) for day in (9, 10, 11))
SPAN = Span(NINTH, ELEVENTH)
DAY = timedelta(days=1)
AWAY, REFUSED = CountFailed("was not reached", away=True), CountFailed("look at api_key")
EQUAL = Compared(date(2022, 1, 9), 3, 3, 0, 0, 3)


def row(**numbers: int) -> Compared:
    day = {"accepted": 10, "delivered": 5, "unfinished": 3, "dead": 2, "counted": 5}
    return Compared(None, **{**day, **numbers})


def group(count: Counted | CountFailed) -> Unconfirmed:
    return Unconfirmed("u1", "calls", 1, 5, TENTH, count)


def used(user: str, feature: str | None, delta: int, at: datetime) -> Doubt:
    properties = {"featureId": feature, "delta": delta}
    event = {"type": "track", "userId": user, "properties": properties}
    return Doubt(json.dumps(event).encode(), int(at.timestamp() * 1000))


@contextmanager
def kana(**settings: object) -> Iterator[Counterpart]:
    """Kana where nothing answers."""
    account = KanaAccount.model_validate(
        {
            "id": "kana",
            "api_key": SecretStr("prv_test_1"),
            "base_url": f"http://127.0.0.1:{free_port()}",
            **settings,
        }
    )
    client = Client(KANA, account)
    yield Counterpart(KANA, account, client)
    client.close()


def test_every_day_of_the_span_has_a_row_and_no_other_day_has() -> None:
    ledger = [
        Day(TENTH.date(), 9, retrying=1, dead=2, unmapped=0, delivered=5, skipped=0, discarded=0),
        Day(date(2021, 1, 1), 7, 0, 0, 0, 7, 0, 0),
    ]
    periods = [Period(at, at + DAY, total) for at, total in ((NINTH, 4), (ELEVENTH, 3))]
    assert compared(ledger, periods, SPAN) == [
        Compared(NINTH.date(), 0, 0, 0, 0, counted=4),
        Compared(TENTH.date(), 9, 5, unfinished=2, dead=2, counted=0),
    ]


def test_a_difference_between_days_is_none_in_their_sum() -> None:
    days = [Compared(NINTH.date(), 4, 4, 0, 0, 1), Compared(TENTH.date(), 1, 1, 0, 0, 4)]
    assert [day.difference for day in days] == [-3, 3]
    assert sum_of(days) == Compared(None, 5, 5, 0, 0, 5)
    assert exit_code(ByDay("kable", days)) == 0


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (5, ""),
        (4, "1 that it took are not counted, or counted on another day, or lack the dimension"),
        (10, "may have some of 5 whose delivery was not confirmed"),
        (11, "counts more than the relay sent: of another day, or from another sender"),
    ],
)
def test_a_difference_says_what_it_may_be(counted: int, expected: str) -> None:
    assert meaning(row(counted=counted)) == expected


def test_usage_in_doubt_is_grouped_by_user_and_feature() -> None:
    doubts = [
        used("u1", "calls", 5, ELEVENTH),
        used("u1", "calls", -2, TENTH),
        used("u1", "other", 1, TENTH),
        used("u1", None, 9, NINTH),
    ]
    with kana() as counterpart:
        found = list(unconfirmed(counterpart, COUNTS, doubts))
    assert [(one.user, one.feature, one.letters, one.delta, one.since) for one in found] == [
        ("u1", "calls", 2, 3, TENTH),
        ("u1", "other", 1, 1, TENTH),
        ("", "", 1, 0, NINTH),
    ]


def test_a_destination_that_does_not_answer_is_asked_once() -> None:
    doubts = [used(f"u{number}", "calls", 1, TENTH) for number in range(3)]
    waited: list[float] = []
    with kana(rate=2) as counterpart:
        first, *others = unconfirmed(counterpart, COUNTS, doubts, waited.append)
    assert isinstance(first.count, CountFailed)
    assert first.count.away
    assert [other.count for other in others] == [first.count] * 2
    assert waited == []


def test_questions_keep_to_the_rate_of_the_account() -> None:
    counts = replace(COUNTS, told=lambda _: REFUSED)
    doubts = [used(f"u{number}", "calls", 1, TENTH) for number in range(3)]
    waited: list[float] = []
    with kana(rate=2) as counterpart:
        found = list(unconfirmed(counterpart, counts, doubts, waited.append))
    assert [one.count for one in found] == [REFUSED] * 3
    assert waited == [0.5, 0.5]


def test_the_periods_in_which_usage_can_lie_begin_with_that_of_its_burial() -> None:
    past, then, now = (Period(TENTH + n * DAY, TENTH + (n + 1) * DAY, n) for n in (-1, 0, 1))
    assert group(Counted((past, then, now))).periods == (then, now)
    assert group(REFUSED).periods == ()


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (ByDay("kable", [EQUAL]), 0),
        (ByDay("kable", [EQUAL, row(counted=4)]), 1),
        (ByPeriod("kana", []), 0),
        (Doubts("kana", []), 0),
        (Doubts("kana", [group(Counted(()))]), 1),
        (Doubts("kana", [group(REFUSED)]), 1),
        (Doubts("kana", [group(REFUSED), group(AWAY)]), 3),
        (Failed("kable", REFUSED), 1),
        (Failed("kable", AWAY), 3),
    ],
)
def test_the_exit_code_tells_a_difference_from_what_is_away(report: Report, code: int) -> None:
    assert exit_code(report) == code


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (Failed("kable", REFUSED), {"id": "kable", "error": "look at api_key"}),
        (
            Doubts("kana", [group(REFUSED)]),
            {
                "id": "kana",
                "unconfirmed": [
                    {
                        "user": "u1",
                        "feature": "calls",
                        "letters": 1,
                        "delta": 5,
                        "since": "2022-01-10T00:00:00Z",
                        "periods": [],
                        "error": "look at api_key",
                    }
                ],
            },
        ),
        (
            ByPeriod("kana", [Period(NINTH, TENTH, 7)]),
            {
                "id": "kana",
                "periods": [
                    {
                        "start": "2022-01-09T00:00:00Z",
                        "end": "2022-01-10T00:00:00Z",
                        "counted": 7,
                    }
                ],
            },
        ),
    ],
)
def test_what_is_shown_as_json(report: Report, shown: Mapping[str, object]) -> None:
    assert item(report) == shown
