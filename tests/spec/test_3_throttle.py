"""The throttle: a rate with a burst, and holds that grow with the failures in a row."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.log import Held, Leased, Log
from app.settings import DestinationSettings
from app.throttle import FIRST_HOLD_MS, LONGEST_HOLD_MS, Grant, Throttle
from tests.told import Clock

BEGINNING = 1_700_000_000_000
ACCOUNT = DestinationSettings(id="kable", kind="kable", rate=10, burst=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(store: redis.Redis, clock: Clock) -> Throttle:
    return Throttle(store, ACCOUNT, clock)


def test_the_burst_goes_at_once_and_then_the_rate_rules(throttle: Throttle, clock: Clock) -> None:
    assert throttle.take(8) == Grant(granted=5, wait_ms=200, failures=0)
    assert throttle.take(8) == Grant(granted=0, wait_ms=200, failures=0)
    clock.now += 250
    assert throttle.take(8) == Grant(granted=2, wait_ms=150, failures=0)


def test_a_rate_slower_than_the_tick_holds_the_destination_until_its_time(
    store: redis.Redis, clock: Clock
) -> None:
    slow = ACCOUNT.model_copy(update={"rate": 0.1, "burst": 1})
    throttle = Throttle(store, slow, clock)
    throttle.take(1)
    assert throttle.take(1) == Grant(granted=0, wait_ms=10_000, failures=0)
    assert Log(store, slow, clock).lease("pump", 32) == Held(BEGINNING + 10_000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(steps=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 20)), max_size=40))
def test_no_window_sees_more_than_the_rate_and_the_burst(
    store: redis.Redis, steps: list[tuple[int, int]]
) -> None:
    store.flushall()
    clock = Clock()
    throttle = Throttle(store, ACCOUNT, clock)
    granted: list[tuple[int, int]] = []
    for pause, asked in steps:
        clock.now += pause
        granted.append((clock.now, throttle.take(asked).granted))
    for begin, _ in granted:
        for end, _ in granted:
            window = sum(count for at, count in granted if begin <= at <= end)
            assert window <= 10 * max(0, end - begin) / 1000 + 5


def test_each_failure_in_a_row_holds_longer_up_to_a_bound(
    throttle: Throttle, clock: Clock
) -> None:
    waits = []
    for _ in range(8):
        until = throttle.hold("503", None)
        waits.append(until - clock.now)
        clock.now = until
    assert waits == [min(FIRST_HOLD_MS * 2**n, LONGEST_HOLD_MS) for n in range(8)]


def test_failures_of_requests_that_were_under_way_together_count_as_one(
    throttle: Throttle,
) -> None:
    assert throttle.hold("503", None) == throttle.hold("503", None) == BEGINNING + FIRST_HOLD_MS


def test_the_destinations_own_wish_is_a_lower_bound(throttle: Throttle) -> None:
    assert throttle.hold("429", timedelta(seconds=90)) == BEGINNING + 90_000
    assert throttle.hold("429", timedelta(seconds=5)) == BEGINNING + 90_000


def test_a_success_after_the_hold_ends_the_row_and_one_from_before_it_does_not(
    throttle: Throttle, clock: Clock
) -> None:
    until = throttle.hold("503", None)
    assert throttle.clear() is False
    clock.now = until
    assert throttle.clear() is True
    assert throttle.hold("503", None) == until + FIRST_HOLD_MS


def test_a_held_destination_is_leased_again_when_its_time_has_come(
    store: redis.Redis, throttle: Throttle, clock: Clock
) -> None:
    log = Log(store, ACCOUNT, clock)
    until = throttle.hold("503", None)
    assert log.lease("pump", 32) == Held(until)
    clock.now = until
    assert isinstance(log.lease("pump", 32), Leased)


def test_a_hold_says_why(store: redis.Redis, throttle: Throttle, clock: Callable[[], int]) -> None:
    throttle.hold("Kable answered 503", None)
    census = Log(store, ACCOUNT, clock).census()
    assert (census.held_until, census.why) == (BEGINNING + FIRST_HOLD_MS, "Kable answered 503")
