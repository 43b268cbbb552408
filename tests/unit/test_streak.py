"""When failures in a row are the destination's, and when they are the events'."""

import pytest

from app.outcome import (
    Delivered,
    Hold,
    Outcome,
    Rejected,
    Retryable,
    Unavailable,
    Unconfirmed,
    reason,
)
from app.streak import FAILURES_MAX, REFUSALS_MAX, Streak


def holds(outcomes: list[Outcome], *, first: bool = True) -> list[Hold | None]:
    streak = Streak()
    return [streak.after(outcome, first=first) for outcome in outcomes]


@pytest.mark.parametrize("failure", [Retryable("500"), Unconfirmed("reset")])
def test_first_attempts_that_fail_in_a_row_hold_the_destination(failure: Outcome) -> None:
    nothing: list[Hold | None] = [None] * (FAILURES_MAX - 1)
    assert holds([failure] * FAILURES_MAX) == [*nothing, Hold(reason(failure), None)]


def test_what_has_failed_before_says_nothing_of_the_destination() -> None:
    assert set(holds([Retryable("500")] * 100, first=False)) == {None}


def test_a_success_ends_the_row() -> None:
    row: list[Outcome] = [Retryable("500")] * (FAILURES_MAX - 1)
    assert set(holds([*row, Delivered(), *row])) == {None}


def test_refusals_in_a_row_hold_the_destination_instead_of_burying_all_that_waits() -> None:
    found = holds([Rejected("404")] * REFUSALS_MAX)
    assert found[:-1] == [None] * (REFUSALS_MAX - 1)
    assert found[-1] == Hold(f"{REFUSALS_MAX} refusals in a row, the last: 404", None)


def test_an_outage_is_held_by_itself_and_not_counted() -> None:
    assert set(holds([Unavailable("503")] * 100)) == {None}
