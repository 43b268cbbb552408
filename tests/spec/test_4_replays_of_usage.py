"""A replay of usage that must not be repeated: once each, whoever dies, in its users' order."""

import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context

import pytest
import redis
import requests
from pydantic import SecretStr

from app.client import Client
from app.dead_letters import Filter
from app.destinations.kana import KANA, KanaAccount
from app.keys import destination_key
from app.lane import Lane
from app.log import LEASE_MS, Log
from app.pump import Pump
from app.replays import Replay, Replays
from app.throttle import Throttle
from app.wake import Wakes
from tests.burying import bury_logged
from tests.processes import sandbox
from tests.spec.test_3_kana import identify, misbehave, track, used
from tests.told import Clock

ALL = Filter()

fork = get_context("fork")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield f"{running}/kana"


@pytest.fixture
def account(address: str) -> KanaAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    api_key = SecretStr("prv_test_0123456789abcdef0123456789abcdef")
    return KanaAccount(id="kana", base_url=address, api_key=api_key, partitions=4, pumps=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, account: KanaAccount, clock: Clock) -> Iterator[Log]:
    """After the test nothing is unaccounted for, stuck or marked."""
    log = Log(store, account, clock)
    yield log
    assert log.census().unaccounted == 0
    assert log.sweep() == 0
    assert list(store.scan_iter(destination_key("kana", "sending:") + "*")) == []


def pump(store_url: str, account: KanaAccount, clock: Clock, number: int = 0) -> None:
    with redis.Redis.from_url(store_url) as store, closing(Client(KANA, account)) as client:
        log, throttle = Log(store, account, clock), Throttle(store, account, clock)
        lane = Lane(KANA, account, log, throttle, client, Wakes(store_url))
        Pump(lane, token=f"pump-{number}", clock=clock).run()


def tick(store_url: str, account: KanaAccount, clock: Clock) -> None:
    """Steps one after the other, a second apart by its own clock."""
    with redis.Redis.from_url(store_url) as store:
        replays = Replays(store, account, clock)
        while True:
            clock.now += 1_000
            replays.step()


def kill_beside_each_other(
    store_url: str, account: KanaAccount, clock: Clock, number: int
) -> None:
    """A beat, a second beat and a pump run for a moment and are killed."""
    about = store_url, account, clock
    running = [fork.Process(target=tick, args=about) for _ in range(2)]
    running.append(fork.Process(target=pump, args=(*about, number)))
    for process in running:
        process.start()
    time.sleep(0.03 * number)  # it is the moment of the kill that differs
    for process in running:
        process.kill()
        process.join()
    clock.now += 2 * LEASE_MS


def bury(log: Log, clock: Clock) -> None:
    bury_logged(log, lambda _: ("rejected", "why"), clock.now)
    clock.now += 1_000


def told(replays: Replays, begun: Replay) -> Replay:
    found = replays.one(begun.id)
    assert found
    return found


def test_killed_pumps_and_ticks_neither_lose_a_letter_nor_record_one_twice(
    store: redis.Redis, store_url: str, log: Log, account: KanaAccount, clock: Clock
) -> None:
    log.append([track(n, f"user-{n % 9}") for n in range(1, 61)])
    bury(log, clock)
    replays = Replays(store, account, clock)
    begun = replays.begin(ALL, 20, "ann")
    for number in range(1, 6):
        kill_beside_each_other(store_url, account, clock, number)
    while told(replays, begun).state == "running":
        clock.now += 1_000
        replays.step()
        pump(store_url, account, clock)
    replay, recorded = told(replays, begun), [delta for _, _, delta in used(account)]
    assert len(recorded) == len(set(recorded)) >= replay.delivered
    assert (replay.replayed, replay.delivered + replay.dead) == (60, 60)
    assert log.census().unconfirmed == log.census().dead == replay.dead


def test_a_letter_goes_behind_an_earlier_delivery_of_its_user_that_waits(
    store: redis.Redis, store_url: str, log: Log, account: KanaAccount, clock: Clock
) -> None:
    log.append([track(2, "user"), track(3, "other")])
    bury(log, clock)
    log.append([identify("first", "user")])
    misbehave(account, status=500, headers={"Retry-After": "60"}, times=1)
    pump(store_url, account, clock)
    replays = Replays(store, account, clock)
    begun = replays.begin(ALL, 100, "ann")
    clock.now += 1_000
    replays.step()
    pump(store_url, account, clock)
    assert used(account) == [("other", "calls", 3)]
    clock.now += 24 * 3_600_000
    pump(store_url, account, clock)
    assert used(account) == [("other", "calls", 3), ("user", "calls", 2)]
    assert told(replays, begun).delivered == 2
