"""A backfill does not hold live events up, and live events do not starve a backfill."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import redis
import requests

from app.append import Admission, Layout
from app.client import Client
from app.destinations.kable import KABLE, KableAccount
from app.lane import Lane
from app.log import Log
from app.moves import Leased
from app.pump import Pump, Report
from app.settings import DestinationSettings
from app.throttle import Throttle
from app.wake import Wakes
from tests.ingesting import OK, Sender, answered, track
from tests.processes import wait_until
from tests.spec.test_3_pump import admission, received

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4, pumps=2)
LAYOUT = Layout(partitions=4, digest_key=b"key")


@pytest.fixture
def account(address: str) -> KableAccount:
    """It takes 40 events a second, so that its pump has more than it may send."""
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        rate=40,
        burst=4,
        pumps=1,
    )


def pump(store: redis.Redis, store_url: str, account: KableAccount) -> Report:
    with closing(Client(KABLE, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        lane = Lane(KABLE, account, log, throttle, client, Wakes(store_url))
        return Pump(lane, token="pump").run()


def bulk(numbers: Sequence[int]) -> list[Admission]:
    return [
        Admission(one.id, one.source, one.user, one.event, bulk=True)
        for one in (admission(n, f"user-{n % 40}") for n in numbers)
    ]


def live(numbers: Sequence[int]) -> list[Admission]:
    return [admission(n, f"user-{n % 40}") for n in numbers]


def sent(account: KableAccount) -> list[int]:
    """The numbers of the events in the order in which Kable got them."""
    bodies = [json.loads(request["body"]) for request in received(account) if request["body"]]
    return [item["data"]["number"] for body in bodies for item in body]


def test_live_events_that_come_later_overtake_a_backfill_which_goes_on_beside_them(
    store: redis.Redis, store_url: str, account: KableAccount
) -> None:
    log = Log(store, account)
    log.append(bulk(range(5000)))
    with ThreadPoolExecutor() as threads:
        pumping = threads.submit(pump, store, store_url, account)
        wait_until(lambda: len(sent(account)) > 20)
        log.append(live(range(5000, 5060)))
        before = len(sent(account))
    since = sent(account)[before:]
    last = max(place for place, number in enumerate(since) if number >= 5000)
    overtaken = [number for number in since[:last] if number < 5000]
    assert len([number for number in since if number >= 5000]) == 60
    assert 10 <= len(overtaken) <= 30
    delivered = pumping.result().settled["delivered"]
    census = log.census()
    assert (census.unaccounted, census.delivered) == (0, delivered)
    assert census.delivered == before + len(since)


def test_each_users_events_keep_their_order_within_a_backfill_and_outside_of_it(
    store: redis.Redis, store_url: str, account: KableAccount
) -> None:
    log = Log(store, account)
    log.append([*bulk(range(1000)), *live(range(1000, 2000))])
    free = account.model_copy(update={"rate": None})
    assert pump(store, store_url, free).settled["delivered"] == 2000
    for user in range(40):
        mine = [number for number in sent(account) if number % 40 == user]
        for half in ([n for n in mine if n < 1000], [n for n in mine if n >= 1000]):
            assert half == sorted(half)


def test_a_request_has_either_live_events_or_bulk(
    store: redis.Redis, store_url: str, account: KableAccount
) -> None:
    Log(store, account).append([*bulk(range(50)), *live(range(1000, 1050))])
    pump(store, store_url, account.model_copy(update={"rate": None}))
    bodies = [json.loads(request["body"]) for request in received(account)]
    halves = [{item["data"]["number"] < 1000 for item in body} for body in bodies]
    assert sorted(map(sorted, halves)) == [[False], [True]]


def test_what_its_header_names_as_bulk_is_bulk_and_everything_else_is_live(
    ingest: Sender, store: redis.Redis
) -> None:
    for path in ("/v1/import", "/v1/b"):
        assert answered(ingest.send_to(path, {"batch": [track(messageId=path)]})) == OK
    backfill = {"Relay-Lane": b"bulk"}
    sent = ingest.send_to("/v1/batch", {"batch": [track(messageId="batch")]}, headers=backfill)
    assert answered(sent) == OK
    shouted = {"Relay-Lane": b"Bulk"}
    assert answered(ingest.send_to("/v1/track", track(messageId="one"), headers=shouted)) == OK
    found = {p: store.xrange(f"relay:{{usage}}:log:{p}") for p in (0, 1)}
    ids = {p: [fields[b"i"].decode() for _, fields in entries] for p, entries in found.items()}
    assert ids == {0: ["/v1/import", "/v1/b"], 1: ["batch", "one"]}


def test_a_repeat_is_known_whether_it_comes_as_bulk_or_live(store: redis.Redis) -> None:
    log = Log(store, ACCOUNT)
    log.append(bulk(range(3)))
    assert log.append(live(range(4))).duplicates == {0, 1, 2}


def test_bulk_has_as_many_partitions_as_live_and_the_same_hash() -> None:
    placed = {LAYOUT.partition(f"user-{n}") for n in range(50)}
    moved = {LAYOUT.partition(f"user-{n}", bulk=True) for n in range(50)}
    assert (placed, moved, LAYOUT.total) == ({0, 1, 2, 3}, {4, 5, 6, 7}, 8)
    assert [LAYOUT.is_bulk(p) for p in (3, 4)] == [False, True]


def test_each_pump_gets_its_share_of_live_and_of_bulk(store: redis.Redis) -> None:
    log = Log(store, ACCOUNT)
    log.append([*bulk(range(50)), *live(range(50, 100))])
    shares = [log.lease(token, 2) for token in ("a", "b")]
    partitions = [one.partitions for one in shares if isinstance(one, Leased)]
    assert [[LAYOUT.is_bulk(p) for p in mine] for mine in partitions] == 2 * [
        [False, False, True, True]
    ]
    assert sorted(p for mine in partitions for p in mine) == list(range(8))
