"""Which billing periods are closed, and what comes too late for one."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from app.billing import GRACE, Backlog, Cut, closed_before, day_cut, overrun_s, period_cut


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "billing_day", "end"),
    [
        ("2026-05-20T12:00", 1, "2026-05-01"),
        ("2026-05-01T01:00", 1, "2026-05-01"),
        ("2026-05-01T00:59", 1, "2026-04-01"),
        ("2026-01-14T12:00", 15, "2025-12-15"),
        ("2026-01-15T01:00", 15, "2026-01-15"),
        ("2026-03-05T12:00", 28, "2026-02-28"),
    ],
)
def test_a_period_closes_an_hour_after_the_next_has_begun(
    now: str, billing_day: int, end: str
) -> None:
    assert closed_before(utc(now), billing_day) == utc(end)


@pytest.mark.parametrize(
    ("now", "day", "period"),
    [
        ("2026-05-20T12:00", "2026-05-21T01:00", "2026-06-15T01:00"),
        ("2026-05-15T00:59", "2026-05-15T01:00", "2026-05-15T01:00"),
        ("2026-05-15T01:00", "2026-05-16T01:00", "2026-06-15T01:00"),
        ("2026-12-31T23:00", "2027-01-01T01:00", "2027-01-15T01:00"),
    ],
)
def test_the_next_cut_comes_an_hour_after_a_day_or_period_has_ended(
    now: str, day: str, period: str
) -> None:
    assert day_cut(utc(now), GRACE) == Cut(utc(day) - GRACE, utc(day))
    assert period_cut(utc(now), 15, GRACE) == Cut(utc(period) - GRACE, utc(period))


def test_without_grace_a_cut_is_at_midnight() -> None:
    now = utc("2026-05-15T00:00")
    assert day_cut(now, timedelta(0)).closes == utc("2026-05-16T00:00")
    assert period_cut(now, 15, timedelta(0)).closes == utc("2026-06-15T00:00")


CUT = Cut(utc("2026-05-21T00:00"), utc("2026-05-21T01:00"))


@pytest.mark.parametrize(
    ("now", "waiting", "oldest", "pace", "expected"),
    [
        ("2026-05-20T23:00", 7_200, "2026-05-20T22:00", 2.0, -3_600),
        ("2026-05-20T23:00", 7_200, "2026-05-20T22:00", 0.5, 7_200),
        ("2026-05-20T23:00", 7_200, "2026-05-20T22:00", 0.0, math.inf),
        ("2026-05-20T23:00", 7_200, "2026-05-20T22:00", None, None),
        ("2026-05-20T23:00", 0, None, None, -7_200),
        ("2026-05-20T23:00", 0, None, 0.0, -7_200),
        ("2026-05-21T00:30", 7_200, "2026-05-21T00:10", 0.0, -1_800),
        ("2026-05-21T00:30", 7_200, "2026-05-20T23:30", 1.0, 1_800),
    ],
)
def test_a_backlog_misses_a_cut_when_what_came_before_the_end_takes_too_long(
    now: str, waiting: int, oldest: str | None, pace: float | None, expected: float | None
) -> None:
    backlog = Backlog(waiting, utc(oldest) if oldest else None, pace)
    assert overrun_s(CUT, backlog, utc(now)) == expected
