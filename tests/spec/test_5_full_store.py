"""A store at its maxmemory takes no events, lets go of everything, and is taken up by itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
import redis
import redis.asyncio
from redis.exceptions import OutOfMemoryError

from app import presence
from app.actions import Actions
from app.append import Admission, AsyncLog
from app.clock import milliseconds
from app.dead_letters import DeadLetters, Filter
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.replays import Replays
from app.settings import DestinationSettings
from app.throttle import Throttle
from app.verdict import buried_unsent
from tests.processes import sandbox, wait_until
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4)
EVENT = b'{"type":"track","properties":{"x":"' + b"x" * 20_000 + b'"}}'
ROOM = 6 << 20

Fill = Callable[[int], object]


@pytest.fixture
def full(store: redis.Redis) -> Iterator[Fill]:
    """Sets the store's maxmemory for the length of a test."""
    yield lambda limit: store.config_set("maxmemory", limit)
    store.config_set("maxmemory", 0)


def usage(number: int) -> Admission:
    event = {
        "type": "track",
        "event": "API Called",
        "messageId": f"m-{number}",
        "userId": "user",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {},
    }
    return Admission(f"m-{number}", "web", "user", json.dumps(event).encode())


def heads(log: Log, token: str) -> Sequence[Head]:
    leased = log.lease(token, 4)
    assert isinstance(leased, Leased)
    return log.heads(token, [Reading(p, "", 5_000, 99) for p in leased.partitions]).heads


@pytest.fixture
def kable() -> Iterator[str]:
    with sandbox() as address:
        yield f"{address}/kable"


@contextmanager
def worker_and_beat(store_url: str, kable: str) -> Iterator[None]:
    """A Celery worker and the tick, each in its own process."""
    environ = {
        **os.environ,
        "RELAY_STORE_URL": store_url,
        "RELAY_SOURCES__web__WRITE_KEY": "key",
        "RELAY_SOURCES__web__DESTINATIONS": "kable",
        "RELAY_DESTINATIONS__kable__KIND": "kable",
        "RELAY_DESTINATIONS__kable__BASE_URL": kable,
        "RELAY_DESTINATIONS__kable__API_KEY": "sk_test.abcdefgh.secret",
        "RELAY_DESTINATIONS__kable__KABLE_CLIENT_ID": "kci_0123",
    }
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "workers"]
    alone = ["--concurrency", "1", "--without-gossip", "--without-mingle"]
    processes = [
        subprocess.Popen([*celery, *words], env=environ)
        for words in (["worker", *alone], ["beat"])
    ]
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)


async def appended_until_full(log: AsyncLog) -> int:
    """How many events the store took before it refused more."""
    count = 0
    while True:
        users = [f"user-{count + n}" for n in range(50)]
        batch = [Admission(f"m-{user}", "web", user, EVENT) for user in users]
        try:
            await log.append({"kable": batch})
        except OutOfMemoryError:
            return count
        count += len(batch)


async def takes_again(log: AsyncLog) -> None:
    """Return as soon as the store takes an event again."""
    async with asyncio.timeout(20):
        while True:
            with suppress(OutOfMemoryError):
                await log.append({"kable": [Admission("later", "web", "user", b"{}")]})
                return
            await asyncio.sleep(0.05)


async def filled_and_drained(url: str, log: Log) -> int:
    async with redis.asyncio.Redis.from_url(url) as store:
        ingest = AsyncLog(store, {"kable": ACCOUNT})
        await ingest.open()
        count = await appended_until_full(ingest)
        found = heads(log, "pump")
        assert (
            log.settle("pump", 1, [Settlement(head, "delivered") for head in found]).acted == count
        )
        await takes_again(ingest)
        return count


def test_what_filled_up_takes_events_again_as_soon_as_it_has_drained(
    store: redis.Redis, store_url: str, full: Fill
) -> None:
    full(int(store.info("memory")["used_memory"]) + ROOM)
    log = Log(store, ACCOUNT)
    count = asyncio.run(filled_and_drained(store_url, log))
    assert count > 50
    assert (log.census().delivered, log.census().waiting) == (count, 1)


def test_in_a_full_store_operators_pause_resume_bury_replay_and_discard(
    store: redis.Redis, full: Fill
) -> None:
    clock = Clock()
    log = Log(store, ACCOUNT, clock)
    log.append([Admission(f"m-{n}", "web", f"user-{n}", b'{"type":"track"}') for n in range(3)])
    letters, replays = DeadLetters(store, ACCOUNT, clock), Replays(store, ACCOUNT, clock)
    throttle, actions = Throttle(store, ACCOUNT, clock), Actions(store, "kable", clock)
    full(1)
    found = heads(log, "pump")
    log.settle("pump", 1, [buried_unsent(head, "rejected", "no", clock.now) for head in found])
    log.release("pump")
    assert throttle.pause("operator", "full")
    actions.record("ann", "paused", about="full")
    assert throttle.resume()
    ids = [one.id for one in letters.page(Filter()).items]
    assert letters.discard(ids[:1]) == 1
    clock.now += 1_000
    replays.begin(ids[1:2], None, "ann")
    clock.now += 1_000
    replays.step()
    census = log.census()
    assert (census.discarded, census.retrying, census.dead, census.unaccounted) == (1, 1, 1, 0)
    assert actions.newest()[-1].what == "paused"


def test_a_store_above_its_maxmemory_drains_by_itself(
    store: redis.Redis, store_url: str, full: Fill, kable: str
) -> None:
    log = Log(store, ACCOUNT)
    log.append([usage(number) for number in range(200)])
    full(1)
    with worker_and_beat(store_url, kable):
        wait_until(lambda: log.census().delivered == 200)
        since = presence.alive_since(milliseconds())
        wait_until(lambda: presence.live_queues(store, since) == {"pump.kable"})
        wait_until(lambda: presence.ticking(store, since))
