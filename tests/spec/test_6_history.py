"""Once a minute the tick keeps how each destination stood, for a day and a bit."""

import pytest
import redis

from app.append import Admission
from app.destinations import KINDS
from app.destinations.kable import KableAccount
from app.history import (
    MINUTE_MS,
    Rates,
    Sample,
    by_minute,
    rates,
    sample,
    samples,
)
from app.lane import lanes
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.settings import Settings
from app.tick import COUNT_EVERY_TICKS, Tick
from app.verdict import buried_unsent
from app.wake import Wakes
from tests.told import Clock

ACCOUNT = KableAccount(
    id="kable",
    kind="kable",
    api_key="sk_test.abcdefgh.secret",
    kable_client_id="kci_0123",
    partitions=1,
)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now -= clock.now % MINUTE_MS
    return clock


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


def beat(store: redis.Redis, store_url: str, clock: Clock) -> Tick:
    """What a process of beat runs, over one destination."""
    settings = Settings(store_url=store_url, sources={}, destinations={"kable": ACCOUNT})
    lane = lanes(settings, KINDS, store, Wakes(store_url), clock)["kable"]
    return Tick([lane])


def heads(log: Log) -> tuple[Head, ...]:
    leased = log.lease("pump", 99)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 99, 99) for p in leased.partitions]).heads


def test_a_sample_tells_the_whole_ledger(store: redis.Redis, log: Log, clock: Clock) -> None:
    log.append([Admission(f"m-{n}", "web", "u", b"{}") for n in range(4)])
    done, retry, dead, waits = heads(log)
    buried = buried_unsent(dead, "unconfirmed", "why", clock.now)
    again = Settlement(retry, "retry", 1000, b"\x90")
    log.settle("pump", 1, [Settlement(done, "delivered"), again, buried])
    log.sample(log.census())
    [only] = samples(store, "kable")
    counts = {"accepted": 4, "delivered": 1, "waiting": 1, "retrying": 1, "retried": 1}
    dead_ = {"dead": 1, "buried": 1, "unconfirmed": 1}
    assert only == Sample(clock.now, oldest_at=waits.delivery.accepted_at, **counts, **dead_)


def test_two_beats_write_one_sample_a_minute(
    store: redis.Redis, store_url: str, clock: Clock
) -> None:
    beats = [beat(store, store_url, clock) for _ in range(2)]
    for moment in range(2 * 60):
        clock.now += 0 if moment == 0 else 1000
        for tick in beats:
            tick()
    first, second = samples(store, "kable")
    assert (first.at % MINUTE_MS, second.at - first.at) == (0, MINUTE_MS)


def test_a_beat_that_was_away_for_a_part_of_a_minute_writes_its_sample_late(
    store: redis.Redis, store_url: str, clock: Clock
) -> None:
    clock.now += 30_000
    beat(store, store_url, clock)()
    assert [one.at for one in samples(store, "kable")] == [clock.now]
    assert COUNT_EVERY_TICKS < 60


def test_minutes_without_a_beat_are_a_gap(store: redis.Redis, log: Log, clock: Clock) -> None:
    log.sample(log.census())
    clock.now += 3 * MINUTE_MS + 7
    log.sample(log.census())
    found = samples(store, "kable")
    assert by_minute(found, clock.now, 5) == [None, found[0], None, None, found[1]]
    assert by_minute(found, clock.now, 1) == [found[1]]
    assert by_minute(found, clock.now + MINUTE_MS, 1) == [None]


def test_a_clock_that_was_set_back_does_not_end_the_history(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    assert log.sample(log.census())
    clock.now -= 10 * MINUTE_MS
    assert log.sample(log.census())
    assert not log.sample(log.census())
    assert len(samples(store, "kable")) == 2


def test_the_newest_of_a_day_and_a_bit_are_kept(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    census = log.census()
    for _ in range(1_510):
        clock.now += MINUTE_MS
        log.sample(census)
    assert len(samples(store, "kable", 9_999)) == 1_500
    assert [one.at for one in samples(store, "kable", 2)] == [clock.now - MINUTE_MS, clock.now]


def test_the_oldest_that_waits_has_an_age() -> None:
    assert Sample(10_000, oldest_at=7_500).oldest_ms == 2_500
    assert Sample(10_000).oldest_ms is None


def test_two_samples_tell_what_happened_per_second() -> None:
    before = Sample(1_000, accepted=10, delivered=5, dead=9)
    after = Sample(3_000, accepted=40, delivered=6, retried=4, buried=2, dead=1)
    assert rates(before, after) == Rates(15.0, 0.5, 0.0, 0.0, 2.0, 1.0)
    assert rates(after, after) is None
    assert rates(Sample(1_000, accepted=10), Sample(2_000, accepted=1)) is None


def test_two_censuses_tell_it_too(log: Log) -> None:
    before = sample(log.census(), 0)
    log.append([Admission("m-1", "web", "u", b"{}")])
    found = rates(before, sample(log.census(), 500))
    assert found == Rates(2.0, 0.0, 0.0, 0.0, 0.0, 0.0)
