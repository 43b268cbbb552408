"""When failures are the destination's, and when they are the events'."""

from datetime import timedelta

import pytest

from app.health import (
    FAILURES_MAX,
    NO_SCORE,
    REFUSALS_KEPT_MAX,
    REFUSALS_MAX,
    Fitness,
    Health,
    Score,
)
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

FAILURES = [Retryable("500"), Unconfirmed("reset"), Unavailable("503")]


def holds(outcomes: list[Outcome], *, first: bool = True) -> list[Hold | None]:
    health = Health()
    return [health.after(outcome, first=first) for outcome in outcomes]


@pytest.mark.parametrize("failure", FAILURES)
def test_some_failures_hold_the_destination_and_fewer_do_not(failure: Outcome) -> None:
    nothing: list[Hold | None] = [None] * (FAILURES_MAX - 1)
    assert holds([failure] * FAILURES_MAX) == [*nothing, Hold(reason(failure))]


def test_an_attempt_that_has_failed_before_says_nothing_of_the_destination() -> None:
    assert set(holds([Retryable("500")] * 100, first=False)) == {None}


def test_an_outage_does_so_whatever_was_tried_before() -> None:
    assert holds([Unavailable("503")] * FAILURES_MAX, first=False)[-1] == Hold("503")


@pytest.mark.parametrize("failure", FAILURES)
def test_a_success_makes_up_for_a_failure(failure: Outcome) -> None:
    assert set(holds([failure, Delivered()] * 100)) == {None}
    assert holds([failure, failure, Delivered()] * 4)[10] == Hold(reason(failure))


def test_successes_are_not_saved_up() -> None:
    assert holds([Delivered()] * 100 + [Retryable("500")] * FAILURES_MAX)[-1] == Hold("500")


def test_the_longest_wish_of_a_row_is_kept() -> None:
    wishes = [Unavailable("503", timedelta(seconds=s)) for s in (1, 7, 0, 2)]
    assert holds([*wishes, Retryable("500")])[-1] == Hold("500", timedelta(seconds=7))


def test_too_many_refusals_are_for_an_operator_to_look_at() -> None:
    found = holds([Rejected("404")] * REFUSALS_MAX)
    assert found[:-1] == [None] * (REFUSALS_MAX - 1)
    assert found[-1] == Hold(
        f"{REFUSALS_MAX} refusals more than successes, the last: 404", cause="refusals"
    )


def test_limits_and_credentials_are_acted_on_at_once() -> None:
    slow = Unavailable("429", timedelta(seconds=3), "throttled")
    locked = Unavailable("401", cause="credentials")
    assert holds([slow]) == [Hold("429", timedelta(seconds=3), "throttled")]
    assert holds([locked]) == [Hold("401", cause="credentials")]


def test_after_an_outage_the_third_failure_holds_and_the_first_that_nobody_may_repeat() -> None:
    assert Health(fragile=True).after(Unconfirmed("reset"), first=True) == Hold("reset")
    fragile = Health(fragile=True)
    assert [fragile.after(Unavailable("503"), first=True) for _ in range(2)] == [None, None]
    assert fragile.after(Unavailable("503"), first=True) == Hold("503")


def test_what_fails_again_though_others_did_not_is_to_blame_itself() -> None:
    health = Health()
    assert health.blames(["a"], began_at=10, ended_at=20) is False
    assert health.blames(["a"], began_at=30, ended_at=40) is False
    health.answered(began_at=35)
    assert health.blames(["a"], began_at=50, ended_at=60) is False
    health.answered(began_at=70)
    assert health.blames(["b"], began_at=80, ended_at=90) is False
    assert health.blames(["a"], began_at=80, ended_at=90) is True


def test_a_success_that_came_later_than_the_call_proves_nothing_against_it() -> None:
    health = Health()
    health.blames(["a"], began_at=10, ended_at=20)
    health.answered(began_at=60)
    assert health.blames(["a"], began_at=50, ended_at=70) is False


def test_of_a_flood_that_becomes_no_request_some_are_buried_and_the_first_fault_is_named() -> None:
    fitness = Fitness()
    assert fitness.after(["no id", "no name"], fit=0) == (2, None)
    buried, hold = fitness.after(["no name"] * 1_000, fit=3)
    assert (buried, hold and hold.cause) == (REFUSALS_MAX - 2, "refusals")
    assert hold is not None
    assert hold.why.endswith("look at the destination's settings; the first: no id")


def test_as_many_that_fit_make_up_for_those_that_do_not() -> None:
    fitness = Fitness()
    assert {fitness.after(["no id"] * 50, fit=50) for _ in range(9)} == {(50, None)}
    assert fitness.after(["no id"] * REFUSALS_MAX, fit=1) == (REFUSALS_MAX, None)


@pytest.mark.parametrize("failure", FAILURES)
def test_slow_traffic_holds_as_a_burst_does(failure: Outcome) -> None:
    score, found = NO_SCORE, []
    for _ in range(FAILURES_MAX):
        health = Health(score=score)
        found.append(health.after(failure, first=True))
        score = Score.read(str(health.score(unfit=0)))
    assert found == [*[None] * (FAILURES_MAX - 1), Hold(reason(failure))]


def test_a_success_makes_up_for_what_another_pump_saw_fail() -> None:
    health = Health(score=Score(failures=2))
    health.after(Delivered(), first=True)
    assert health.score(unfit=3) == Score(failures=1, unfit=3)


def test_refusals_after_a_pause_cost_fewer_letters_than_those_before_it() -> None:
    health = Health()
    for _ in range(REFUSALS_MAX):
        health.after(Rejected("404"), first=True)
    assert health.score(unfit=0).refusals == REFUSALS_KEPT_MAX < REFUSALS_MAX
