"""What app/outcome.py decides, and how long app/backoff.py waits."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backoff import jittered
from app.delivery import Delivery
from app.destination import Item, Lost, Request
from app.hand import Prepared
from app.moves import Head
from app.outcome import (
    Again,
    Bury,
    Delivered,
    Done,
    Hold,
    Outcome,
    Rejected,
    Retryable,
    RetryAt,
    Skipped,
    Unavailable,
    Verdict,
    decide,
)
from app.settings import RetrySettings
from app.verdict import Exchange, settlements

SECOND = timedelta(seconds=1)
NOW = 1_700_000_000_000
POLICY = RetrySettings(
    attempts_max=5, age_max=timedelta(minutes=10), wait_initial=SECOND, wait_max=60 * SECOND
)
LENGTHS = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))
SHORT = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))


@st.composite
def policies(draw: st.DrawFn) -> RetrySettings:
    initial = draw(SHORT)
    return RetrySettings(
        attempts_max=draw(st.integers(1, 1000)),
        age_max=draw(LENGTHS),
        wait_initial=initial,
        wait_max=initial + draw(LENGTHS),
    )


def verdict(
    outcome: Outcome,
    *,
    attempt: int = 1,
    age: timedelta = timedelta(0),
    policy: RetrySettings = POLICY,
    seed: int = 0,
) -> Verdict:
    return decide(
        outcome,
        attempt=attempt,
        first_at=NOW - ms(age),
        now=NOW,
        policy=policy,
        random=Random(seed),
    )


def ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("outcome", "follows"),
    [
        (Delivered(), Done("delivered")),
        (Skipped("no rule"), Done("skipped")),
        (Unavailable("503"), Hold("503", None)),
        (Unavailable("429", SECOND, "throttled"), Hold("429", SECOND, "throttled")),
        (Rejected("400"), Bury("rejected", "400")),
    ],
)
@pytest.mark.parametrize("attempt", [1, 5, 10_000])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=365)])
def test_only_a_failure_that_may_pass_depends_on_attempts_and_age(
    outcome: Outcome, follows: Verdict, attempt: int, age: timedelta
) -> None:
    assert verdict(outcome, attempt=attempt, age=age) == follows


def test_a_failure_that_may_pass_is_tried_again_later() -> None:
    assert verdict(Retryable("500"), seed=1) == RetryAt(NOW + int(1000 * Random(1).random()))


def test_the_last_attempt_exhausts() -> None:
    assert isinstance(verdict(Retryable("500"), attempt=4), RetryAt)
    assert verdict(Retryable("500"), attempt=5) == Bury("exhausted", "500")


def test_what_would_be_too_old_when_it_is_due_is_exhausted_now() -> None:
    assert verdict(Retryable("500"), age=POLICY.age_max) == Bury("exhausted", "500")


def test_the_wish_of_a_destination_is_capped() -> None:
    asked = verdict(Retryable("500", after=timedelta(days=1)))
    assert isinstance(asked, RetryAt)
    assert POLICY.wait_max <= timedelta(milliseconds=asked.due - NOW) <= POLICY.wait_max + SECOND


@given(
    policy=policies(),
    attempt=st.integers(1, 1000),
    age=LENGTHS,
    after=st.none() | LENGTHS,
    seed=st.integers(),
)
def test_a_retry_is_due_after_the_wish_and_within_the_age(
    policy: RetrySettings, attempt: int, age: timedelta, after: timedelta | None, seed: int
) -> None:
    follows = verdict(Retryable("500", after), attempt=attempt, age=age, policy=policy, seed=seed)
    if isinstance(follows, RetryAt):
        wish = min(after or timedelta(0), policy.wait_max)
        assert attempt < policy.attempts_max
        assert NOW + ms(wish) <= follows.due <= NOW + ms(wish + policy.wait_max) + 1
        assert follows.due - (NOW - ms(age)) <= ms(policy.age_max)
    else:
        assert follows == Bury("exhausted", "500")


@given(policy=policies(), attempt=st.integers(1, 10_000), seed=st.integers())
def test_a_wait_grows_exponentially_up_to_its_maximum(
    policy: RetrySettings, attempt: int, seed: int
) -> None:
    initial, longest = policy.wait_initial, policy.wait_max
    wait = jittered(attempt, wait_initial=initial, wait_max=longest, random=Random(seed))
    assert timedelta(0) <= wait <= longest
    assert wait.total_seconds() <= initial.total_seconds() * 2.0 ** min(attempt - 1, 1000)


def test_jitter_is_full() -> None:
    waits = [
        jittered(4, wait_initial=SECOND, wait_max=60 * SECOND, random=Random(seed))
        for seed in range(1000)
    ]
    assert min(waits) < 0.1 * SECOND
    assert max(waits) > 7.9 * SECOND


def test_what_lacked_something_goes_again_at_once_and_then_as_what_is_retryable() -> None:
    assert verdict(Again("no user")) == RetryAt(NOW)
    assert verdict(Again("no user"), attempt=4) == verdict(Retryable("no user"), attempt=4)
    assert verdict(Again("no user"), attempt=5) == Bury("exhausted", "no user")
    assert verdict(Again("no user"), age=timedelta(minutes=11)) == Bury("exhausted", "no user")


@pytest.mark.parametrize(
    ("outcome", "verb"),
    [
        (Again("no user"), "block"),
        (Retryable("lost", undone=True), "block"),
        (Retryable("lost"), "bury"),
    ],
)
def test_what_must_not_be_repeated_goes_again_only_where_nothing_was_recorded(
    outcome: Outcome, verb: str
) -> None:
    head = Head(0, "log", "1-0", Delivery("m1", "web", "u1", b"{}", NOW))
    sent = [Prepared(head, Item(b"", repeatable=False))]
    exchange = Exchange(Request("/"), Lost("lost"), NOW, NOW)
    settled = settlements(sent, outcome, exchange, POLICY, Random(0), ordered=True)
    assert not isinstance(settled, Hold)
    assert [one.verb for one in settled] == [verb]
