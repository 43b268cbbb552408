"""The tick wakes what is overdue: a wake that got lost, a lease whose pump died, a retry."""

import json
from base64 import b64decode
from itertools import pairwise

import pytest
import redis
from structlog.testing import capture_logs

from app.append import Admission
from app.dead_letters import Reindexing
from app.delivery import encode
from app.destinations import KINDS
from app.destinations.kable import KableAccount
from app.keys import destination_key
from app.lane import Lane, lanes
from app.log import LEASE_MS, Log
from app.moves import Reading, Settlement
from app.settings import Settings
from app.throttle import Throttle
from app.tick import PATIENCE_MAX_MS, PATIENCE_MS, Tick
from app.wake import PUMP_TASK, Wakes, queue_name
from tests.burying import bury
from tests.told import Clock

ACCOUNT = KableAccount(
    id="kable",
    kind="kable",
    api_key="sk_test.abcdefgh.secret",
    kable_client_id="kci_0123",
    base_url="http://127.0.0.1:9",
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


def lane_of(account: KableAccount, store: redis.Redis, store_url: str, clock: Clock) -> Lane:
    settings = Settings(store_url=store_url, sources={}, destinations={"kable": account})
    return lanes(settings, KINDS, store, Wakes(store_url), clock)["kable"]


@pytest.fixture
def tick(store: redis.Redis, store_url: str, clock: Clock) -> Tick:
    return Tick([lane_of(ACCOUNT, store, store_url, clock)])


def wakes(store: redis.Redis) -> list[tuple[str, list[str]]]:
    """The wakes that wait in the broker: task and arguments."""
    found = []
    for message in store.lrange(f"relay:celery:{queue_name('kable')}", 0, -1):
        envelope = json.loads(message)
        found.append((envelope["headers"]["task"], json.loads(b64decode(envelope["body"]))[0]))
    return found


WAKE = (PUMP_TASK, ["kable"])


def test_an_idle_destination_is_left_alone(store: redis.Redis, tick: Tick) -> None:
    tick()
    assert wakes(store) == []


def test_the_tick_mends_what_an_older_release_left_and_tells_it_once(
    store: redis.Redis, store_url: str, log: Log, clock: Clock
) -> None:
    bury(log, 3)
    store.delete(destination_key("kable", "dead:users"))
    reindexings = {"kable": Reindexing(store, "kable", clock)}
    tick = Tick([lane_of(ACCOUNT, store, store_url, clock)], reindexings=reindexings)
    with capture_logs() as lines:
        tick()
        tick()
    told = [line for line in lines if line["event"] == "letters.reindexed"]
    assert [(line["destination"], line["count"]) for line in told] == [("kable", 3)]


def test_the_tick_goes_on_as_settings_are_written_since(
    store: redis.Redis, store_url: str, log: Log, tick: Tick, clock: Clock
) -> None:
    log.append([Admission(f"m-{n}", "web", "user-1", b"{}") for n in range(2)])
    lower = ACCOUNT.model_copy(update={"backlog_mark": 1})
    tick.renew([lane_of(lower, store, store_url, clock)], {}, {})
    with capture_logs() as lines:
        tick()
    assert [line["event"] for line in lines] == ["backlog.high"]


def test_a_wake_that_got_lost_is_sent_again(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    assert log.append([Admission("m-1", "web", "user-1", b"{}")]).wake
    tick()
    assert wakes(store) == []
    clock.now += PATIENCE_MS
    tick()
    assert wakes(store) == [WAKE]


def test_a_dead_pumps_partitions_are_woken_when_its_lease_has_ended(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    log.append([Admission("m-1", "web", "user-1", b"{}")])
    log.lease("dead", 32)
    clock.now += LEASE_MS - 1
    tick()
    assert wakes(store) == []
    clock.now += 1
    tick()
    assert wakes(store) == [WAKE]


def test_a_retry_is_woken_when_it_is_due(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    log.append([Admission("m-1", "web", "user-1", b"{}")])
    leased = log.lease("pump", 32)
    found = log.heads("pump", [Reading(p, "", 1, 1) for p in leased.partitions]).heads
    due = clock.now + 60_000
    log.settle("pump", 1, [Settlement(found[0], "retry", 60_000, encode(found[0].delivery))])
    log.release("pump")
    clock.now = due - 1
    tick()
    assert wakes(store) == []
    clock.now = due
    tick()
    assert wakes(store) == [WAKE]


def test_a_held_destination_is_woken_only_when_its_time_has_come(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    until = Throttle(store, ACCOUNT, clock).hold("503", None)
    log.append([Admission("m-1", "web", "user-1", b"{}")])
    clock.now = until - 1
    tick()
    assert wakes(store) == []
    clock.now = until
    tick()
    assert wakes(store) == [WAKE]


def test_while_nobody_answers_wakes_become_rarer(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    log.append([Admission("m-1", "web", "user-1", b"{}")])
    sent = []
    for second in range(120):
        tick()
        if len(wakes(store)) > len(sent):
            sent.append(second)
        clock.now += 1000
    pauses = [later - earlier for earlier, later in pairwise(sent)]
    assert pauses == [2, 4, 8, 16, 30, 30]
    assert PATIENCE_MAX_MS == 30_000


def test_what_no_index_names_is_found_made_ready_and_counted(
    store: redis.Redis, log: Log, tick: Tick, clock: Clock
) -> None:
    log.append([Admission("m-1", "web", "user-1", b"{}")])
    store.delete(destination_key("kable", "ready"))
    clock.now += PATIENCE_MS
    tick()
    clock.now += PATIENCE_MS
    tick()
    assert wakes(store) == [WAKE]
    assert store.hget(destination_key("kable", "counts"), "swept") == b"1"
