"""Which billing periods are closed."""

from datetime import UTC, datetime

import pytest

from app.billing import closed_before


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
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert closed_before(at, billing_day) == datetime.fromisoformat(end).replace(tzinfo=UTC)
