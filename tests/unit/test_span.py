"""The time that a page is about is read from its address."""

import pytest

from app.console.pipeline.span import Span, span

NOW = 1_800_000_000_000  # 2027-01-15T08:00:00Z
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Span(NOW - DAY, NOW, "1d")),
        ({"since": "6h"}, Span(NOW - 6 * HOUR, NOW, "6h")),
        ({"since": "2027-01-15T06:00"}, Span(NOW - 2 * HOUR, NOW, "")),
        (
            {"since": "2027-01-15T06:00", "until": "2027-01-15T07:00Z"},
            Span(NOW - 2 * HOUR, NOW - HOUR, ""),
        ),
        ({"since": "1h", "until": "2027-01-15T07:00Z"}, Span(NOW - 2 * HOUR, NOW - HOUR, "")),
        ({"until": "2099-01-01"}, Span(NOW - DAY, NOW, "1d")),
        ({"since": "0001-01-01"}, Span(0, NOW, "")),
    ],
)
def test_a_time_is_a_length_until_now_or_two_moments(
    query: dict[str, str], expected: Span
) -> None:
    assert span(query, NOW) == expected


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"since": "yesterday"}, "since: expected a moment such as"),
        ({"since": "6h", "until": "x"}, "until: expected a moment such as"),
        ({"since": "2099-01-01"}, "since: expected a moment before until"),
    ],
)
def test_what_is_wrong_is_named_and_left_out(query: dict[str, str], fault: str) -> None:
    found = span(query, NOW)
    assert [one.startswith(fault) for one in found.faults] == [True]
    assert found.until == NOW


def test_a_time_that_ends_now_goes_on() -> None:
    assert span({"since": "1h"}, NOW).at(NOW + 5) == Span(NOW - HOUR + 5, NOW + 5, "1h")


def test_the_address_of_a_time_asks_for_it_again() -> None:
    for query in ({"since": "7d"}, {"since": "2027-01-15T06:00", "until": "2027-01-15T07:00"}):
        found = span(query, NOW)
        assert span(found.query, NOW) == found
