"""How long deliveries and requests took, and how often what happened, as metrics tell it."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
import requests

from app.append import Admission
from app.client import Client
from app.destinations.kable import KABLE, KableAccount
from app.figures import REQUEST_BOUNDS, Figures, Histogram, Work, figures
from app.keys import destination_key
from app.lane import Lane
from app.log import LEASE_MS, Log
from app.moves import Head, Leased, Reading, Settlement
from app.outcome import Delivered, Retryable, Unavailable
from app.pump import Pump
from app.settings import RetrySettings
from app.throttle import Throttle
from app.verdict import buried_unsent
from app.wake import Wakes
from tests.told import Clock


@pytest.fixture
def account(address: str) -> KableAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        partitions=1,
        retry=RetrySettings(attempts_max=3, wait_initial=timedelta(milliseconds=1)),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock, account: KableAccount) -> Log:
    return Log(store, account, clock)


@pytest.fixture
def throttle(store: redis.Redis, clock: Clock, account: KableAccount) -> Throttle:
    return Throttle(store, account, clock)


def admission(number: int, *, bulk: bool = False) -> Admission:
    event = {"type": "track", "event": "Call", "messageId": f"m-{number}", "userId": "u"}
    whole = json.dumps({**event, "timestamp": "2026-01-02T03:04:05.678Z"}).encode()
    return Admission(f"m-{number}", "web", "u", whole, bulk)


def pump(store: redis.Redis, account: KableAccount) -> None:
    with closing(Client(KABLE, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        Pump(Lane(KABLE, account, log, throttle, client, wakes), token="pump").run()


def heads(log: Log) -> tuple[Head, ...]:
    leased = log.lease("pump", 99)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 99, 99) for p in leased.partitions]).heads


def read(store: redis.Redis) -> Figures:
    return figures(store, "kable")


def steps(histogram: Histogram) -> dict[float, int]:
    """The buckets in which the count grows, and what it grows to."""
    below = [0, *(count for _, count in histogram.buckets)]
    return {
        bound: n for (bound, n), last in zip(histogram.buckets, below, strict=False) if n > last
    }


def test_a_destination_that_did_nothing_has_figures_of_zero(store: redis.Redis) -> None:
    found = read(store)
    assert (found.wakes, found.pumps, found.pump_seconds, found.openings) == (0, 0, 0.0, 0)
    assert (found.requests, found.holds, found.pauses, found.buried) == ({}, {}, {}, {})
    assert [bound for bound, _ in found.durations.buckets] == [b / 1000 for b in REQUEST_BOUNDS]


def test_a_delivery_took_as_long_as_since_its_acceptance_live_and_bulk_apart(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission(1), admission(2), admission(3, bulk=True), admission(4)])
    some = heads(log)
    for number, took in enumerate((10, 11, 700_000_000, 3 * 86_400_000)):
        clock.now = some[number].delivery.accepted_at + took
        assert log.lease("pump", 99)
        log.settle("pump", number, [Settlement(some[number], "delivered")])
    live, bulk = read(store).latency["live"], read(store).latency["bulk"]
    assert (steps(live), live.count, live.seconds) == ({0.01: 1, 0.025: 2}, 3, 700_000.021)
    assert (steps(bulk), bulk.count, bulk.seconds) == ({259_200.0: 1}, 1, 259_200.0)


def test_only_what_is_delivered_has_a_latency_and_a_repeat_counts_once(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission(1), admission(2), admission(3)])
    one, two, three = heads(log)
    buried = buried_unsent(three, "poison", "why", clock.now)
    settled = [Settlement(one, "delivered"), Settlement(two, "skipped"), buried]
    log.settle("pump", 1, settled)
    log.settle("pump", 1, settled)
    assert read(store).latency["live"].count == 1
    assert read(store).buried == {"poison": 1}


def test_requests_and_the_deliveries_in_them_are_counted_by_their_outcome(
    store: redis.Redis, account: KableAccount
) -> None:
    wrong = {"mode": "answer", "status": 500, "times": 1}
    requests.post(f"{account.base_url}/_answers", json=wrong, timeout=5).raise_for_status()
    Log(store, account).append([admission(n) for n in range(3)])
    pump(store, account)
    found = read(store)
    assert found.attempts == {"delivered": 3, "retryable": 3}
    assert found.durations.count == sum(found.requests.values()) == 2
    assert (found.pumps, found.wakes) == (1, 1)
    assert 0 < found.busy_seconds < found.pump_seconds


def test_what_a_pump_adds_counts_once_and_not_of_one_that_was_taken_for_dead(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission(1)])
    log.lease("pump", 99)
    clock.now += LEASE_MS + 1
    log.lease("other", 99)
    for token in ("pump", "other", "other"):
        log.release(token, (), {"busy_ms": 1500})
    assert (read(store).busy_seconds, read(store).pumps) == (1.5, 2)


def test_a_request_is_counted_by_what_its_answer_said() -> None:
    work = Work()
    work.request(Delivered(), 500, 5)
    work.request(Unavailable("429", cause="throttled"), 2, 6)
    work.request(Retryable("500"), 1, 30_001)
    work.idle(1.25)
    took = {"took:5": 1, "took:10": 1, "took:inf": 1, "took:sum": 30_012}
    counted = {"requests:delivered": 1, "requests:throttled": 1, "requests:retryable": 1}
    tried = {"attempts:delivered": 500, "attempts:throttled": 2, "attempts:retryable": 1}
    ran = {"pump_ms": 2000, "busy_ms": 750}
    assert work.added(2.0) == took | counted | tried | ran


def test_each_wake_is_counted_by_whoever_asks_for_it(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission(1)])
    log.append([admission(2)])
    assert read(store).wakes == 1
    clock.now += 60_000
    assert log.overdue(1_000) == "to be woken"
    assert read(store).wakes == 2
    log.lease("pump", 99)
    assert log.release("pump")
    assert read(store).wakes == 3


def test_a_wake_for_partitions_that_are_left_counts_too(
    store: redis.Redis, account: KableAccount, clock: Clock
) -> None:
    log = Log(store, account.model_copy(update={"partitions": 2}), clock)
    log.append([Admission(f"m-{n}", "web", f"u-{n}", b"{}") for n in range(20)])
    leased = log.lease("pump", 1)
    assert isinstance(leased, Leased)
    assert (leased.left, read(store).wakes) == (True, 2)


def test_holds_are_counted_by_cause_and_openings_by_rows_of_failures(
    store: redis.Redis, throttle: Throttle, clock: Clock
) -> None:
    for cause, waited in (("down", 0), ("down", 2_000), ("down", 0)):
        clock.now += waited
        throttle.hold("away", None, cause)
    assert (read(store).holds, read(store).openings) == ({"down": 2}, 1)
    clock.now += 60_000
    assert throttle.clear()
    throttle.hold("429", timedelta(seconds=1), "throttled")
    assert (read(store).holds, read(store).openings) == ({"down": 2, "throttled": 1}, 1)


def test_pauses_are_counted_by_who_paused(store: redis.Redis, throttle: Throttle) -> None:
    throttle.pause("relay", "401")
    throttle.pause("relay", "401 again")
    throttle.pause("operator", "let me look")
    assert read(store).pauses == {"operator": 1, "relay": 1}


def test_latencies_of_one_settlement_are_told_apart_in_any_order(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission(n) for n in range(3)])
    first, middle, last = heads(log)
    clock.now = first.delivery.accepted_at + 60_000
    young = replace(middle, place="late", entry=f"{clock.now - 20}-1")
    store.hset(destination_key("kable", "late:") + "0", young.entry, b"")
    some = [Settlement(one, "delivered") for one in (first, young, last)]
    log.settle("pump", 1, some)
    latency = read(store).latency["live"]
    assert steps(latency) == {0.025: 1, 60.0: 3}


def test_a_pump_that_leases_again_is_one_pump(store: redis.Redis, log: Log) -> None:
    log.append([admission(1)])
    for _ in range(2):
        log.lease("pump", 99)
    assert read(store).pumps == 1
