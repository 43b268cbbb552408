"""What a lease is worth when clocks jump, pumps stall, and the store is full."""

import asyncio
from datetime import timedelta

import pytest
import redis
import redis.asyncio

from app.append import Admission, AsyncLog
from app.keys import destination_key
from app.log import LEASE_MS, MARGIN_MS, Log
from app.moves import Leased, Reading, Recorded, Settlement, StaleLease
from app.settings import DestinationSettings
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4, pumps=2)
ONE = Admission("m-1", "web", "user-1", b"{}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


def leased(log: Log, token: str, share: int = 4) -> Leased:
    answer = log.lease(token, share)
    assert isinstance(answer, Leased)
    return answer


def test_a_lease_outlasts_a_call_that_must_not_be_repeated(
    store: redis.Redis, clock: Clock
) -> None:
    patient = ACCOUNT.model_copy(update={"deadline": timedelta(seconds=60)})
    log = Log(store, patient, clock)
    log.append([ONE])
    mine = leased(log, "pump").partitions
    [head] = log.heads("pump", [Reading(p, "", 1, 1) for p in mine]).heads
    log.mark("pump", [head])
    log.renew("pump", mine)
    clock.now += 60_000 + MARGIN_MS - 1
    assert leased(log, "another").partitions == ()
    clock.now += 1
    assert head.partition in leased(log, "another").partitions


def test_what_a_pump_that_is_gone_has_marked_is_known_to_the_next(log: Log, clock: Clock) -> None:
    log.append([ONE])
    [head] = log.heads(
        "dead", [Reading(p, "", 1, 1) for p in leased(log, "dead").partitions]
    ).heads
    log.mark("dead", [head])
    clock.now += ACCOUNT.deadline // timedelta(milliseconds=1) + MARGIN_MS + LEASE_MS
    mine = leased(log, "next").partitions
    [found] = log.heads("next", [Reading(p, "", 1, 1) for p in mine]).heads
    assert found.sent


def test_a_clock_that_is_set_back_strands_nothing(log: Log, clock: Clock) -> None:
    log.append([ONE])
    leased(log, "dead")
    clock.now -= 3_600_000
    assert log.census().pumps == 0
    assert log.sweep() == 1
    assert log.overdue(0) == "to be woken"
    assert leased(log, "pump").partitions


def test_due_work_that_is_left_asks_for_one_more_pump_and_not_for_more(log: Log) -> None:
    log.append([Admission(f"m-{n}", "web", f"user-{n}", b"{}") for n in range(50)])
    assert leased(log, "pump-1", share=2).left
    assert not log.release("pump-1")
    assert leased(log, "pump-1", share=2).left
    assert not leased(log, "pump-2", share=1).left


async def append(url: str) -> None:
    store = redis.asyncio.Redis.from_url(url)
    log = AsyncLog(store, {"kable": ACCOUNT})
    await log.open()
    try:
        await log.append({"kable": [ONE]})
    finally:
        await store.aclose()


def test_ingest_refuses_before_the_store_is_full_so_that_what_drains_it_finds_room(
    store: redis.Redis, store_url: str
) -> None:
    used = int(store.info("memory")["used_memory"])
    store.config_set("maxmemory", int(used * 1.05))
    try:
        with pytest.raises(redis.exceptions.OutOfMemoryError, match="90%"):
            asyncio.run(append(store_url))
    finally:
        store.config_set("maxmemory", 0)


def test_a_full_store_can_be_drained(store: redis.Redis, log: Log) -> None:
    log.append([ONE])
    store.config_set("maxmemory", 1)
    try:
        fresh = Log(store, ACCOUNT)
        mine = leased(fresh, "pump").partitions
        [head] = fresh.heads("pump", [Reading(p, "", 1, 1) for p in mine]).heads
        assert fresh.settle("pump", 1, [Settlement(head, "delivered")]) == Recorded(1)
        fresh.release("pump")
    finally:
        store.config_set("maxmemory", 0)
    assert log.census().delivered == 1
    assert not store.exists(destination_key("kable", "holders"))


def test_a_pump_that_was_taken_over_settles_nothing(log: Log, clock: Clock) -> None:
    log.append([ONE])
    readings = [Reading(p, "", 1, 1) for p in leased(log, "stale").partitions]
    [head] = log.heads("stale", readings).heads
    clock.now += LEASE_MS
    leased(log, "next")
    with pytest.raises(StaleLease):
        log.settle("stale", 1, [Settlement(head, "delivered")])
    assert (log.census().waiting, log.census().delivered) == (1, 0)
