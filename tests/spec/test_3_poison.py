"""An event that kills whoever touches it becomes a dead letter; everything else is delivered."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context

import pytest
import redis
import requests

from app import dead_letters
from app.client import Client
from app.destination import Destination, Item, Request, Transformed
from app.destinations.kable import KABLE, KableAccount
from app.hand import Hand
from app.intake import IN_HAND_MAX, POISON, TURN, Intake, hand_limit
from app.keys import destination_key
from app.lane import Lane
from app.log import LEASE_MS, Log
from app.moves import Head, Leased, Reading, Settlement
from app.pump import Pump
from app.segment import Event
from app.throttle import Throttle
from app.wake import Wakes
from tests.processes import wait_until
from tests.spec.test_3_pump import admission, billed
from tests.told import Clock

POISONED = "m-57"

fork = get_context("fork")
standing_still = fork.Event()


@pytest.fixture
def account(address: str) -> KableAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        partitions=4,
        pumps=1,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, account: KableAccount, clock: Clock) -> Iterator[Log]:
    """With one delivery; after the test nothing is unaccounted for and nothing stuck."""
    log = Log(store, account, clock)
    log.append([admission(1, "user-1")])
    yield log
    assert log.census().unaccounted == 0
    assert log.sweep() == 0


@dataclass(frozen=True)
class Pumps:
    """Pumps in processes of their own, one after the other."""

    store_url: str
    kind: Destination[KableAccount]
    account: KableAccount
    clock: Clock

    def run(self, token: str, *, kill_after_s: float | None = None) -> bool:
        """Whether a pump ended by itself and in order; afterwards its leases have ended."""
        standing_still.clear()
        process = fork.Process(target=self.pump, args=(token,))
        process.start()
        if kill_after_s is None:
            wait_until(lambda: standing_still.is_set() or not process.is_alive())
        else:
            process.join(kill_after_s)
        process.kill()
        process.join()
        self.clock.now += LEASE_MS
        return process.exitcode == 0

    def until_nothing_is_left(self, log: Log) -> int:
        """How many pumps died until all was done."""
        ends = (self.run(f"pump-{n}") for n in count())
        deaths = 0
        while log.census().waiting:
            deaths += not next(ends)
            assert deaths < 10
        return deaths

    def pump(self, token: str) -> None:
        with (
            redis.Redis.from_url(self.store_url) as store,
            closing(Client(self.kind, self.account)) as client,
        ):
            log = Log(store, self.account, self.clock)
            throttle = Throttle(store, self.account, self.clock)
            wakes = Wakes(self.store_url)
            lane = Lane(self.kind, self.account, log, throttle, client, wakes)
            Pump(lane, token=token, clock=self.clock).run()


def exits(event: Event, account: KableAccount) -> Transformed:
    """As a crash in a library does, or a kernel without memory."""
    if event.message_id == POISONED:
        os._exit(1)
    return KABLE.transform(event, account)


def hangs(event: Event, account: KableAccount) -> Transformed:
    if event.message_id == POISONED:
        standing_still.set()
        signal.pause()
    return KABLE.transform(event, account)


def letters(store: redis.Redis) -> list[tuple[str, str, str]]:
    found = map(dead_letters.decode, store.hvals(destination_key("kable", "dead")))
    return [(letter.id, letter.reason, letter.message) for letter in found]


@pytest.mark.parametrize("deadly", [exits, hangs])
def test_what_kills_every_pump_that_touches_it_is_buried_and_all_others_are_delivered(
    store: redis.Redis,
    store_url: str,
    log: Log,
    account: KableAccount,
    clock: Clock,
    deadly: Callable[[Event, KableAccount], Transformed],
) -> None:
    log.append([admission(n, f"user-{n % 40}") for n in range(2, 300)])
    kind = replace(KABLE, transform=deadly)
    assert Pumps(store_url, kind, account, clock).until_nothing_is_left(log) == 5
    assert letters(store) == [(POISONED, "poison", POISON)]
    assert len(billed(account)) == log.census().delivered == 298
    assert not store.exists(destination_key("kable", "deaths"), destination_key("kable", "alone"))


def test_kills_of_healthy_pumps_bury_nothing(
    store: redis.Redis, store_url: str, log: Log, account: KableAccount, clock: Clock
) -> None:
    log.append([admission(n, f"user-{n % 40}") for n in range(2, 300)])
    pumps = Pumps(store_url, KABLE, account, clock)
    for killed in range(6):
        pumps.run(f"killed-{killed}", kill_after_s=0.05 * killed)
    pumps.until_nothing_is_left(log)
    assert (letters(store), log.census().delivered) == ([], 299)


def compose(items: Sequence[Item], account: KableAccount) -> Request:
    if any(POISONED.encode() in item.body for item in items):
        raise ValueError("no request for this")
    return KABLE.compose(items, account)


def test_what_no_request_can_be_made_of_is_found_and_buried(
    store: redis.Redis, store_url: str, log: Log, account: KableAccount, clock: Clock
) -> None:
    log.append([admission(n, f"user-{n % 40}") for n in range(2, 300)])
    Pumps(store_url, replace(KABLE, compose=compose), account, clock).pump("pump")
    assert letters(store) == [(POISONED, "untransformable", "ValueError: no request for this")]
    assert len(billed(account)) == log.census().delivered == 298


def test_the_more_pumps_died_the_less_the_next_takes_in_hand() -> None:
    assert [hand_limit(deaths) for deaths in (0, 1, 2, 3, 99)] == [IN_HAND_MAX, 62, 1, 1, 1]


def deaths(log: Log, token: str) -> int:
    leased = log.lease(token, 4)
    assert isinstance(leased, Leased)
    return leased.deaths


def heads(log: Log, token: str) -> Sequence[Head]:
    leased = log.lease(token, 4)
    assert isinstance(leased, Leased)
    return log.heads(token, [Reading(p, "", 1, 1) for p in leased.partitions]).heads


def test_deaths_in_a_row_are_counted_until_a_pump_ends_in_order(log: Log, clock: Clock) -> None:
    counted = []
    for token in ("a", "b", "c"):
        counted += [deaths(log, token), deaths(log, token)]
        clock.now += LEASE_MS
    assert counted == [0, 0, 1, 1, 2, 2]
    log.release("c", range(4))
    assert deaths(log, "d") == 0


def test_a_pump_that_was_taken_over_neither_adds_to_the_row_nor_ends_it(
    log: Log, clock: Clock
) -> None:
    deaths(log, "dead")
    clock.now += LEASE_MS
    deaths(log, "stale")
    log.release("stale")
    assert deaths(log, "next") == 1


def test_a_pump_that_lost_the_store_gives_back_what_it_had_and_counts_as_no_death(
    log: Log, clock: Clock
) -> None:
    deaths(log, "lost")
    log.abandon("lost")
    clock.now += LEASE_MS
    assert deaths(log, "next") == 0


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    ],
)
def test_a_pump_whose_store_refuses_writes_counts_as_no_death(
    begins: str, ends: str, store: redis.Redis, log: Log, account: KableAccount, clock: Clock
) -> None:
    def refuse(event: Event, account: KableAccount) -> Transformed:
        store.execute_command(*begins.split())
        return KABLE.transform(event, account)

    kind, throttle = replace(KABLE, transform=refuse), Throttle(store, account, clock)
    with closing(Client(kind, account)) as client:
        lane = Lane(kind, account, log, throttle, client, Wakes("redis://127.0.0.1:1"))
        with pytest.raises(redis.ResponseError):
            Pump(lane, token="refused", clock=clock).run()
    store.execute_command(*ends.split())
    clock.now += LEASE_MS
    assert deaths(log, "next") == 0


def test_one_that_pumps_die_with_alone_comes_first_and_is_counted(log: Log, clock: Clock) -> None:
    log.append([admission(n, f"user-{n}") for n in range(2, 20)])
    head = heads(log, "a")[-1]
    assert log.alone("a", head) == log.alone("a", head) == 0
    clock.now += LEASE_MS
    [first, *_] = heads(log, "b")
    assert (first.partition, log.alone("b", head)) == (head.partition, 1)
    log.release("b")
    heads(log, "c")
    assert log.alone("c", head) == 1


def test_what_a_pump_has_not_tried_keeps_its_deaths_and_comes_first(
    log: Log, clock: Clock
) -> None:
    log.append([admission(n, f"user-{n}") for n in range(2, 40)])
    deaths(log, "dead")
    clock.now += LEASE_MS
    tried = heads(log, "next")[0].partition
    log.release("next", [tried])
    found = [head.partition for head in heads(log, "another")]
    assert (len(found), found[-1], deaths(log, "another")) == (4, tried, 1)
    log.release("another", found)
    assert deaths(log, "last") == 0


def test_alone_each_partition_has_its_turn(
    store: redis.Redis, store_url: str, log: Log, account: KableAccount, clock: Clock
) -> None:
    log.append([admission(n, f"user-{n}") for n in range(2, 300)])
    first, second, third, *_ = (head.partition for head in heads(log, "pump"))
    with closing(Client(KABLE, account)) as client:
        throttle = Throttle(store, account, clock)
        hand = Hand(KABLE.batch)
        lane = Lane(KABLE, account, log, throttle, client, Wakes(store_url))
        intake = Intake(lane, hand, "pump", clock)
        intake.begin(range(8), limit=1)
        taken: list[int] = []
        for number in range(2 * TURN + 1):
            assert intake.fill() == []
            [one] = hand.take()
            hand.finish([one])
            taken.append(one.head.partition)
            settled = [Settlement(one.head, "delivered")]
            log.settle("pump", number, settled)
            intake.after(settled)
    assert taken == [first] * TURN + [second] * TURN + [third]
    assert set(intake.cleared) == {first, second, 4, 5, 6, 7}


def test_what_is_no_json_is_buried_and_stops_nobody(
    store: redis.Redis, store_url: str, log: Log, account: KableAccount, clock: Clock
) -> None:
    log.append([replace(admission(2, "user-2"), event=b"{")])
    Pumps(store_url, KABLE, account, clock).pump("pump")
    [(id_, reason, _)] = letters(store)
    assert (id_, reason, log.census().delivered) == ("m-2", "untransformable", 1)
