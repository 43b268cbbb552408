"""The pipeline of a destination tells what became of each event, by its name and by the hour."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import redis
import requests
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from app import fates, items
from app.append import Admission
from app.client import Client
from app.delivery import Attempt, Delivery
from app.destination import Several
from app.destinations.kable import KABLE, KableAccount
from app.keys import destination_key
from app.lane import Lane
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.pipeline import HOUR_MS, Fates, Named, Numbers, Pipeline, pipeline
from app.pump import Pump
from app.settings import RetrySettings
from app.settings.filters import FilterSettings
from app.throttle import Throttle
from app.verdict import buried_unsent, parked, parted, put_behind
from app.wake import Wakes
from tests.told import Clock

NUMBERS = count(1, 1000)


@pytest.fixture
def account(address: str) -> KableAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        retry=RetrySettings(attempts_max=3, wait_initial=timedelta(milliseconds=1)),
        filters=(FilterSettings(events=("Internal *",), send=False),),
    )


@pytest.fixture
def log(store: redis.Redis, clock: Clock, account: KableAccount) -> Log:
    return Log(store, account.model_copy(update={"partitions": 1}), clock)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now -= clock.now % HOUR_MS
    return clock


def admission(name: object, user: str = "user-1", number: int = 0, **event: object) -> Admission:
    id_ = f"m-{number}-{json.dumps(name)}"
    whole = {
        "type": "track",
        "event": name,
        "messageId": id_,
        "userId": user,
        "timestamp": "2026-01-02T03:04:05.678Z",
        **event,
    }
    return Admission(id_, "web", user, json.dumps(whole).encode())


def pump(store: redis.Redis, account: KableAccount) -> None:
    with closing(Client(KABLE, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        Pump(Lane(KABLE, account, log, throttle, client, wakes), token="pump").run()


def heads(log: Log) -> tuple[Head, ...]:
    leased = log.lease("pump", 99)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 999, 999) for p in leased.partitions]).heads


def settled(log: Log, names: Sequence[object]) -> None:
    """These arrive and are delivered."""
    number = next(NUMBERS)
    log.append([admission(name, number=number + n) for n, name in enumerate(names)])
    log.settle("pump", number, [Settlement(head, "delivered") for head in heads(log)])


def now(store: redis.Redis, clock: Clock) -> Pipeline:
    return pipeline(store, "kable", clock.now, clock.now + HOUR_MS)


def first(**fates: object) -> Numbers:
    return Numbers(Fates(**fates), Fates())


def test_each_event_is_received_once_and_its_fate_stands_under_its_name(
    store: redis.Redis, account: KableAccount
) -> None:
    settings = {"refuse_client_ids": ["bad"]}
    requests.post(f"{account.base_url}/_settings", json=settings, timeout=5).raise_for_status()
    log = Log(store, account)
    log.append(
        [
            *(admission("API Called", number=n) for n in range(40)),
            admission("API Called", user="bad", number=40),
            admission("Internal Ping"),
            admission("", type="identify"),
        ]
    )
    pump(store, account)
    found = pipeline(store, "kable", log.now() - HOUR_MS, log.now() + HOUR_MS)
    assert found.events == (
        Named("track:API Called", first(delivered=40, dead={"rejected": 1})),
        Named("identify", first(delivered=1)),
        Named("track:Internal Ping", first(filtered=1)),
    )
    assert found.numbers.received == log.census().accepted


def test_what_waited_for_a_retry_was_received_once_and_is_delivered_later(
    store: redis.Redis, account: KableAccount
) -> None:
    wrong = {"mode": "answer", "status": 500, "times": 1}
    requests.post(f"{account.base_url}/_answers", json=wrong, timeout=5).raise_for_status()
    log = Log(store, account)
    log.append([admission("API Called", number=n) for n in range(3)])
    pump(store, account)
    found = pipeline(store, "kable", log.now() - HOUR_MS, log.now() + HOUR_MS)
    assert found.numbers == Numbers(Fates(retried=3), Fates(delivered_after_retry=3))
    assert (log.census().retried, log.census().delivered_after_retry) == (3, 3)


def test_a_settlement_that_is_repeated_counts_once(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission("Call"), admission("Other")])
    done = [Settlement(head, "delivered") for head in heads(log)]
    log.settle("pump", 1, done)
    before = now(store, clock)
    log.settle("pump", 1, done)
    assert now(store, clock) == before
    assert before.numbers == first(delivered=2)


def test_a_verdict_that_does_not_act_counts_nothing(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission("Gone"), admission("Parked")])
    gone, park = heads(log)
    log.settle("pump", 1, [Settlement(gone, "delivered")])
    before = now(store, clock)
    log.settle("pump", 2, [Settlement(gone, "skipped"), parked(park, version=7)])
    log.settle("pump", 3, [Settlement(park, "unmark")])
    assert now(store, clock) == before


def test_what_waits_is_received_when_it_begins_to_and_not_again(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    log.append([admission("Behind"), admission("Parked"), admission("Buried")])
    behind, park, bury = heads(log)
    buried = buried_unsent(bury, "poison", "why", clock.now)
    log.settle("pump", 1, [put_behind(behind), parked(park), buried])
    clock.now += HOUR_MS
    [moved_up] = heads(log)
    log.settle("pump", 2, [Settlement(moved_up, "delivered")])
    found = pipeline(store, "kable", clock.now - HOUR_MS, clock.now + HOUR_MS)
    assert [hour.numbers for hour in found.hours] == [
        first(behind=1, unmapped=1, dead={"poison": 1}),
        Numbers(Fates(), Fates(delivered=1)),
    ]


def test_hours_in_which_nothing_came_stand_there_too(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    settled(log, ["Call"])
    clock.now += 2 * HOUR_MS
    settled(log, ["Call", "Other"])
    found = pipeline(store, "kable", clock.now - 2 * HOUR_MS, clock.now + 1)
    assert [hour.numbers.received for hour in found.hours] == [1, 0, 2]
    assert [hour.at - found.since for hour in found.hours] == [0, HOUR_MS, 2 * HOUR_MS]


def test_one_event_can_be_asked_for_alone(store: redis.Redis, log: Log, clock: Clock) -> None:
    settled(log, ["Call", "Other", "Other"])
    found = pipeline(store, "kable", clock.now, clock.now + 1, event="track:Other")
    assert found.events == (Named("track:Other", first(delivered=2)),)
    assert found.numbers == first(delivered=2)
    assert pipeline(store, "kable", clock.now, clock.now + 1, event="Other").events == ()


def test_names_beyond_two_hundred_an_hour_count_as_other(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    settled(log, [f"Event {n}" for n in range(203)])
    settled(log, ["Event 0", "Event 202", "other"])
    found = {one.event: one.numbers.received for one in now(store, clock).events}
    assert found.pop("other") == 5
    assert found == {f"track:Event {n}": 1 + (n == 0) for n in range(200)}
    assert store.hlen(destination_key("kable", "hour:") + str(clock.now // HOUR_MS)) == 201


HOSTILE = [
    "",
    "\0",
    "other",
    "unknown",
    "identify",
    "track:",
    "later:delivered",
    "buried:",
    "é" * 9,
]


@given(names=st.lists(st.sampled_from(HOSTILE) | st.text(max_size=100), unique=True, max_size=20))
def test_no_name_is_taken_for_another(names: list[str]) -> None:
    events = [admission(name).event for name in names]
    kept = [fates.name(Delivery("m", "web", "u", event, 0)) for event in events]
    assert [fates.named(name) for name in kept] == [("track", name) for name in names]


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (b'{"type":"identify","event":"x"}', "identify"),
        (b'{"type":"page","event":7}', "page"),
        (b'{"type":"track","event":7}', "track:"),
        (b'{"type":"other"}', "unknown"),
        (b'{"type":{"a":[1]}}', "unknown"),
        (b"{}", "unknown"),
        (b"[1]", "unknown"),
        (b"{", "unknown"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "unknown"),
        (b'{"type":"track","event":"\xff"}', "unknown"),
        (b'{"type":"track","event":"%s"}' % (b"x" * 10_000), "track:" + "x" * 99 + "…"),
    ],
)
def test_whatever_an_event_says_it_has_a_name_of_bounded_length(event: bytes, name: str) -> None:
    assert fates.name(Delivery("m", "web", "u", event, 0)) == name


def test_an_event_that_rules_wrote_keeps_the_name_under_which_it_came() -> None:
    written, came = admission("Mapped").event, admission("Call").event
    one = Delivery("m", "web", "u", written, 0, original=came, mapped=True)
    assert fates.name(one) == "track:Call"


def test_hostile_names_survive_the_store(store: redis.Redis, log: Log, clock: Clock) -> None:
    settled(log, HOSTILE)
    found = now(store, clock)
    assert {fates.named(one.event) for one in found.events} == {("track", n) for n in HOSTILE}
    assert {one.numbers.received for one in found.events} == {1}


def test_the_item_adds_first_and_later(store: redis.Redis, log: Log, clock: Clock) -> None:
    log.append([admission("Call"), admission("Call", number=1)])
    one, two = heads(log)
    late = replace(two, delivery=Delivery("m", "web", "u", two.delivery.event, 0, received=True))
    buried = buried_unsent(late, "poison", "why", clock.now)
    log.settle("pump", 1, [Settlement(one, "delivered"), buried])
    item = items.pipeline("kable", now(store, clock))
    [event] = item["events"]
    assert (event["type"], event["name"], event["received"]) == ("track", "Call", 1)
    assert (event["delivered"], event["dead"], event["later"]["dead"]) == (1, 1, 1)
    assert event["dead_by_reason"] == {"poison": 1}


@pytest.mark.parametrize("before", [True, False])
def test_of_the_parts_of_an_event_the_first_stands_for_one_that_was_received(before: bool) -> None:
    whole = Delivery("m", "web", "u", b"{}", 0, received=before)
    split = parted(Head(0, "late", "1-1", whole), Several((b"{}", b"{}", b"{}")))
    assert [one.received for one in split.parts] == [before, False, False]


def test_an_hour_ends_by_itself_after_nine_days(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    settled(log, ["Call"])
    key = destination_key("kable", "hour:") + str(clock.now // HOUR_MS)
    assert 8 * 86_400 < store.ttl(key) <= 9 * 86_400


def test_what_fails_again_began_to_wait_for_a_retry_once() -> None:
    tried = Delivery("m", "web", "u", b"{}", 0, (Attempt(0, 500, "why", 1),), received=True)
    head = Head(0, "late", "1-1", tried)
    replayed = replace(head, delivery=structs.replace(tried, spent=1))
    retries = [Settlement(one, "retry") for one in (head, replayed)]
    assert [fates.fate(one) for one in retries] == ["", "later:retried"]
    assert fates.fate(put_behind(head)) == ""


def test_no_more_than_two_hundred_hours_are_read_and_two_hundred_and_fifty_names_listed(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    for hour in range(2):
        settled(log, [f"Event {hour} {n}" for n in range(130)])
        clock.now += HOUR_MS
    found = pipeline(store, "kable", 0, clock.now)
    assert (len(found.hours), len(found.events), found.hidden) == (200, 250, 10)
    assert found.numbers.received == 260
