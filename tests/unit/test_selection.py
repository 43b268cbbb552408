"""Filters decide by the first match, then the cut-over by the time that is billed."""

from datetime import UTC, datetime

import pytest

from app.segment import Event
from app.selection import left_out
from app.settings import DestinationSettings

EVENT = Event.decode(
    b'{"type":"track","event":"Test Call","timestamp":"2026-06-01T00:00:00.000Z",'
    b'"originalTimestamp":"2026-05-31T23:59:59.999Z",'
    b'"properties":{"plan":"free","account":{"internal":true}}}'
)
IDENTIFY = Event.decode(b'{"type":"identify","timestamp":"2026-06-01T00:00:00.000Z"}')


def account(**settings: object) -> DestinationSettings:
    return DestinationSettings.model_validate({"id": "kable", "kind": "kable", **settings})


def stays(event: Event, *conditions: dict[str, object]) -> bool:
    """Whether it is left out by a filter with any of these conditions."""
    filters = [{"send": False, **one} for one in conditions]
    return left_out(event, account(filters=filters)) == "filtered"


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"types": ["identify", "track"]},
        {"events": ["Test Call"]},
        {"events": ["Other", "Test *"]},
        {"events": ["T?st [A-C]all"]},
        {"properties": {"plan": "free", "account.internal": True}},
        {"types": ["track"], "events": ["*"], "properties": {"plan": "free"}},
    ],
)
def test_an_event_that_meets_every_condition_is_filtered(conditions: dict[str, object]) -> None:
    assert stays(EVENT, conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        {"types": ["identify"]},
        {"events": ["test *"]},
        {"events": ["Test"]},
        {"properties": {"plan": "free", "account.internal": False}},
        {"types": ["track"], "events": ["Test *"], "properties": {"plan": "pro"}},
    ],
)
def test_an_event_that_fails_a_condition_is_sent(conditions: dict[str, object]) -> None:
    assert not stays(EVENT, conditions)


def test_an_event_without_a_name_meets_no_glob() -> None:
    assert not stays(IDENTIFY, {"events": ["*"]})
    assert stays(IDENTIFY, {"types": ["identify"]})


def test_the_first_filter_that_matches_decides_and_without_one_it_is_sent() -> None:
    only_free = [{"send": True, "properties": {"plan": "free"}}, {"send": False}]
    assert left_out(EVENT, account(filters=only_free)) is None
    assert left_out(IDENTIFY, account(filters=only_free)) == "filtered"
    assert left_out(EVENT, account()) is None


@pytest.mark.parametrize(
    ("deliver_from", "billed", "why"),
    [
        ("2026-06-01T00:00:00Z", "corrected", None),
        ("2026-06-01T00:00:00.001Z", "corrected", "before_cutover"),
        ("2026-06-01T02:00:00+02:00", "corrected", None),
        ("2026-06-01T00:00:00Z", "original", "before_cutover"),
        ("2026-05-31T23:59:59.999Z", "original", None),
    ],
)
def test_what_happened_before_the_cut_over_is_left_out_by_the_time_that_is_billed(
    deliver_from: str, billed: str, why: str | None
) -> None:
    assert left_out(EVENT, account(deliver_from=deliver_from, timestamp=billed)) == why


@pytest.mark.parametrize("timestamp", [b"", b',"timestamp":5', b',"timestamp":"soon"'])
def test_an_event_without_a_readable_time_is_left_to_the_destination(timestamp: bytes) -> None:
    event = Event.decode(b'{"type":"track"' + timestamp + b"}")
    assert left_out(event, account(deliver_from=datetime.now(UTC))) is None


def test_what_a_filter_leaves_out_counts_as_filtered_whenever_it_happened() -> None:
    settings = account(filters=[{"send": False}], deliver_from="2027-01-01T00:00:00Z")
    assert left_out(EVENT, settings) == "filtered"
