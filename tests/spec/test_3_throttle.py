"""The throttle: a rate with a burst, holds that grow, a rate that 429s lower, and pauses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.append import Admission
from app.destinations.kana import KanaAccount
from app.log import LEASE_MS, Log
from app.moves import Held, Leased, Reading, Settlement
from app.settings import DestinationSettings
from app.throttle import (
    FIRST_HOLD_MS,
    FIRST_PAUSE_MS,
    LONGEST_HOLD_MS,
    Grant,
    State,
    Throttle,
    fingerprint,
)
from tests.told import Clock

BEGINNING = 1_700_000_000_000
UNLIMITED = DestinationSettings(id="kable", kind="kable")
FREE = State(
    limited_rate=None,
    held_until=None,
    held_why="",
    cause="",
    failures=0,
    probing=False,
    paused_by="",
    paused_why="",
    paused_cause="",
    paused_at=None,
    credentials="",
)
ACCOUNT = DestinationSettings(id="kable", kind="kable", rate=10, burst=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(store: redis.Redis, clock: Clock) -> Throttle:
    return Throttle(store, ACCOUNT, clock)


def test_the_burst_goes_at_once_and_then_the_rate_rules(throttle: Throttle, clock: Clock) -> None:
    assert throttle.take(8) == Grant(granted=5, wait_ms=200, paced=True)
    assert throttle.take(8) == Grant(granted=0, wait_ms=200, paced=True)
    clock.now += 250
    assert throttle.take(8) == Grant(granted=2, wait_ms=150, paced=True)


def test_a_clock_that_is_set_back_stops_the_rate_no_longer_than_its_burst(
    throttle: Throttle, clock: Clock
) -> None:
    throttle.take(5)
    clock.now -= 3_600_000
    assert throttle.take(8).granted == 0
    clock.now += 500
    assert throttle.take(8).granted == 5


def test_a_rate_slower_than_the_tick_holds_the_destination_until_its_time(
    store: redis.Redis, clock: Clock
) -> None:
    slow = ACCOUNT.model_copy(update={"rate": 0.1, "burst": 1})
    throttle = Throttle(store, slow, clock)
    throttle.take(1)
    assert throttle.take(1) == Grant(granted=0, wait_ms=10_000, stop=True, paced=True)
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


def test_a_wish_of_a_429_counts_instead_of_the_growing_wait(
    throttle: Throttle, clock: Clock
) -> None:
    for _ in range(5):
        until = throttle.hold("429", timedelta(seconds=2), "throttled")
        assert until == clock.now + 2_000
        clock.now = until


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


@pytest.fixture
def free(store: redis.Redis, clock: Clock) -> Throttle:
    """Of a destination without a rate."""
    return Throttle(store, UNLIMITED, clock)


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, UNLIMITED, clock)


def deliver(log: Log, count: int) -> None:
    """Deliver so many at this moment."""
    name = f"at {log.census().delivered}"
    log.append([Admission(f"{name} {n}", "web", "u", b"{}") for n in range(count)])
    leased = log.lease(name, 32)
    assert isinstance(leased, Leased)
    heads = log.heads(name, [Reading(p, "", count, 0) for p in leased.partitions]).heads
    log.settle(name, 1, [Settlement(head, "delivered") for head in heads])
    log.release(name)


def test_a_429_lowers_the_rate_below_the_most_that_was_taken_in_a_second(
    free: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 60)
    clock.now += 1_000
    deliver(log, 20)
    until = free.hold("429", None, "throttled")
    assert free.state().limited_rate == 0.8 * 60
    clock.now = until
    assert free.take(100) == Grant(granted=4, wait_ms=26, paced=True)


def test_a_429_of_a_destination_that_took_nothing_lately_only_pauses(
    free: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 60)
    clock.now += 10_000
    assert free.hold("429", None, "throttled") == clock.now + FIRST_PAUSE_MS
    assert free.state().limited_rate is None


def test_a_lowered_rate_feels_for_the_edge_and_then_grows_faster_until_it_is_forgotten(
    free: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 50)
    clock.now = free.hold("429", None, "throttled")
    rates = []
    while (rate := free.state().limited_rate) is not None:
        rates.append(rate)
        clock.now += 5_000
    steps = [40, 44, *(48.4 * 1.5**step for step in range(6))]
    assert rates == pytest.approx(steps, rel=1e-4)
    assert free.take(1000) == Grant(granted=1000, wait_ms=0)


def test_a_lowered_rate_ends_at_the_configured_one(
    throttle: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 500)
    clock.now = throttle.hold("429", None, "throttled")
    assert throttle.state().limited_rate == 8
    clock.now += 15_000
    assert throttle.state().limited_rate is None


def test_stray_429s_do_not_wear_the_rate_down(free: Throttle, log: Log, clock: Clock) -> None:
    deliver(log, 100)
    for _ in range(60):
        clock.now = free.hold("429", None, "throttled") + 2_000
        deliver(log, 100)
        free.clear()
    assert (free.state().limited_rate or 100) >= 0.8 * 100


def test_a_limit_that_has_grown_too_high_is_lowered_again(
    free: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 100)
    clock.now = free.hold("429", None, "throttled") + 10_000
    deliver(log, 90)
    free.clear()
    free.hold("429", None, "throttled")
    assert free.state().limited_rate == 0.9 * 90


def test_429s_while_it_is_held_count_as_one(free: Throttle, log: Log, clock: Clock) -> None:
    deliver(log, 100)
    until = free.hold("429", None, "throttled")
    clock.now += 100
    assert free.hold("429", None, "throttled") == until
    assert free.state().limited_rate == 80


def test_a_pump_learns_at_its_start_whether_it_has_to_ask_for_each_request(
    free: Throttle, log: Log, clock: Clock
) -> None:
    deliver(log, 5)
    assert log.lease("a", 1) == Leased((), left=False)
    log.append([Admission("m", "web", "u", b"{}")])
    clock.now = free.hold("429", None, "throttled")
    leased = log.lease("a", 1)
    assert isinstance(leased, Leased)
    assert (leased.paced, leased.careful, leased.probe) == (True, True, False)


def test_after_a_hold_one_pump_alone_is_let_in_until_something_is_delivered(
    free: Throttle, log: Log, clock: Clock
) -> None:
    log.append([Admission(f"m-{n}", "web", f"u-{n}", b"{}") for n in range(50)])
    clock.now = free.hold("503", None)
    first = log.lease("first", 8)
    assert isinstance(first, Leased)
    assert (first.paced, first.careful, first.probe, first.left) == (False, True, True, False)
    assert isinstance(log.lease("second", 8), Held)
    assert (log.overdue(0), free.state().probing) == ("nothing", True)
    assert (free.take(1, "first").stop, free.take(1, "second").stop) == (False, True)
    assert free.clear() is True
    assert log.overdue(0) == "to be woken"
    assert isinstance(log.lease("second", 8), Leased)


@pytest.mark.parametrize("gone", ["released", "dead"])
def test_another_pump_takes_the_place_of_one_that_is_gone(
    gone: str, free: Throttle, log: Log, clock: Clock
) -> None:
    log.append([Admission(f"m-{n}", "web", f"u-{n}", b"{}") for n in range(50)])
    clock.now = free.hold("503", None)
    log.lease("first", 8)
    if gone == "released":
        log.release("first")
    else:
        clock.now += LEASE_MS
    second = log.lease("second", 8)
    assert isinstance(second, Leased)
    assert second.probe


def test_a_pause_has_no_end_but_an_operator(free: Throttle, log: Log, clock: Clock) -> None:
    log.append([Admission("m", "web", "u", b"{}")])
    assert free.pause("operator", "month's end") is True
    assert free.pause("operator", "month's end") is False
    clock.now += 365 * 86_400_000
    assert log.lease("pump", 32) == Held(253_402_300_799_000)  # the last moment of year 9999
    assert (log.overdue(0), log.census().why) == ("nothing", "month's end")
    assert free.state() == replace(
        FREE, paused_by="operator", paused_why="month's end", paused_at=BEGINNING
    )
    assert (free.resume(), free.resume(), free.state()) == (True, False, FREE)
    assert log.overdue(0) == "to be woken"


def test_what_the_relay_has_paused_is_probed_when_it_is_resumed(free: Throttle, log: Log) -> None:
    log.append([Admission("m", "web", "u", b"{}")])
    assert free.pause("relay", "401", "f1", "credentials") is True
    assert free.pause("relay", "401", "f1", "credentials") is False
    assert (free.state().paused_cause, free.state().credentials) == ("credentials", "f1")
    assert free.resume() is True
    leased = log.lease("pump", 32)
    assert isinstance(leased, Leased)
    assert (leased.careful, leased.probe) == (True, True)


def test_an_operators_pause_outranks_the_relays_and_keeps_its_caution(
    free: Throttle, log: Log
) -> None:
    log.append([Admission("m", "web", "u", b"{}")])
    free.pause("relay", "401", "f1", "credentials")
    assert free.pause("operator", "waiting for the key") is True
    assert free.pause("relay", "401", "f1", "credentials") is False
    assert (free.state().paused_by, free.state().paused_why) == ("operator", "waiting for the key")
    free.resume()
    leased = log.lease("pump", 32)
    assert isinstance(leased, Leased)
    assert leased.probe


def test_resuming_does_not_end_a_hold(free: Throttle, log: Log) -> None:
    until = free.hold("429", timedelta(minutes=5), "throttled")
    free.pause("operator", "why")
    free.resume()
    assert log.lease("pump", 32) == Held(until)


def test_a_fingerprint_tells_new_secrets_and_needs_the_key() -> None:
    account = KanaAccount(id="kana", api_key=SecretStr("one"))
    renewed = account.model_copy(update={"api_key": SecretStr("two")})
    faster = account.model_copy(update={"rate": 5.0})
    mark = fingerprint(account, b"key")
    assert len(mark) == 16
    assert fingerprint(faster, b"key") == mark
    assert mark not in (fingerprint(renewed, b"key"), fingerprint(account, b"other"))


def test_changes_of_state_are_logged_once_each(free: Throttle, clock: Clock) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            clock.now = free.hold("503", None)
            clock.now = free.hold("503", None)
        free.clear()
        free.clear()
        for _ in range(2):
            free.pause("relay", "401", "f1", "credentials")
        free.resume()
        free.resume()
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("destination.held", "warning"),
        ("destination.resumed", "info"),
        ("destination.paused", "error"),
        ("destination.resumed", "info"),
    ]
