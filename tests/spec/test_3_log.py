"""What a lease is worth when clocks jump, pumps stall, and the store is full."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
import redis.asyncio

from app import delivery
from app.append import Admission, Appended, AsyncLog
from app.keys import destination_key
from app.log import LEASE_MS, MARGIN_MS, Log
from app.moves import Head, Leased, Reading, Recorded, Settlement, StaleLease, Verb
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


async def append(url: str, *admissions: Admission) -> Appended:
    store = redis.asyncio.Redis.from_url(url)
    log = AsyncLog(store, {"kable": ACCOUNT})
    await log.open()
    try:
        return (await log.append({"kable": admissions}))["kable"]
    finally:
        await store.aclose()


def test_a_large_batch_is_appended_in_steps_and_told_of_as_one(
    store: redis.Redis, store_url: str, log: Log
) -> None:
    batch = [Admission(f"m-{n % 599}", "web", f"user-{n % 5}", b"{}") for n in range(601)]
    store.config_resetstat()
    assert asyncio.run(append(store_url, *batch)) == Appended(frozenset({599, 600}), wake=True)
    assert store.info("commandstats")["cmdstat_evalsha"]["calls"] == 3
    assert log.census().accepted == 599


def test_ingest_refuses_before_the_store_is_full_so_that_what_drains_it_finds_room(
    store: redis.Redis, store_url: str
) -> None:
    used = int(store.info("memory")["used_memory"])
    store.config_set("maxmemory", int(used * 1.05))
    try:
        with pytest.raises(redis.exceptions.OutOfMemoryError, match="90%"):
            asyncio.run(append(store_url, ONE))
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


def due(log: Log, token: str) -> list[Head]:
    """What a fresh pump reads."""
    mine = leased(log, token).partitions
    return list(log.heads(token, [Reading(p, "", 9, 9) for p in mine]).heads)


def kept(head: Head, verb: Verb) -> Settlement:
    return Settlement(head, verb, payload=delivery.encode(head.delivery))


def test_what_a_users_others_wait_for_never_waits_for_them(log: Log) -> None:
    log.append([ONE, Admission("m-2", "web", "user-1", b"{}")])
    first, second = due(log, "pump")
    log.settle("pump", 1, [kept(first, "block"), kept(second, "retry")])
    first, second = log.heads("pump", [Reading(first.partition, "", 9, 9)]).heads
    log.settle("pump", 2, [kept(second, "block"), kept(first, "behind")])
    for number, id_ in ((3, "m-1"), (4, "m-2")):
        [head] = log.heads("pump", [Reading(first.partition, "", 9, 9)]).heads
        assert head.delivery.id == id_
        log.settle("pump", number, [Settlement(head, "delivered")])
    assert (log.census().retrying, log.census().delivered) == (0, 2)


def test_what_has_nothing_before_it_does_not_wait_behind_it(log: Log) -> None:
    log.append([ONE])
    [head] = due(log, "pump")
    log.settle("pump", 1, [kept(head, "behind")])
    [again] = log.heads("pump", [Reading(head.partition, "", 9, 9)]).heads
    assert again.delivery == head.delivery


def test_what_is_settled_cannot_be_marked_any_more(log: Log) -> None:
    log.append([ONE])
    [head] = due(log, "pump")
    log.mark("pump", [head])
    log.settle("pump", 1, [Settlement(head, "delivered")])
    with pytest.raises(StaleLease):
        log.mark("pump", [head])


def test_more_can_be_refused_than_a_call_can_hand_over_at_once(log: Log) -> None:
    log.append([Admission(f"m-{n}", "web", "user-1", b"{}") for n in range(9_000)])
    mine = leased(log, "pump").partitions
    heads = log.heads("pump", [Reading(p, "", 9_000, 0) for p in mine]).heads
    parks = [replace(kept(head, "park"), version=99) for head in heads]
    assert log.settle("pump", 1, parks) == Recorded(0, tuple(heads))
