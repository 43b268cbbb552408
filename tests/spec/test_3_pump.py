"""The pump takes what waits to Kable: once each, in order, one event never for another."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
import requests

from app import dead_letters, delivery
from app.append import Admission
from app.client import Client
from app.delivery import Delivery
from app.destinations.kable import KABLE, KableAccount
from app.keys import destination_key
from app.lane import Lane
from app.log import Log
from app.pump import Pump, Report
from app.settings import RetrySettings
from app.settings.filters import FilterSettings
from app.throttle import Throttle
from app.wake import Wakes


@pytest.fixture
def account(address: str) -> KableAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        retry=RetrySettings(attempts_max=2, wait_initial=timedelta(milliseconds=1)),
    )


@pytest.fixture
def log(store: redis.Redis, account: KableAccount) -> Iterator[Log]:
    """The log of the destination; after the test nothing is unaccounted for and nothing stuck."""
    log = Log(store, account)
    yield log
    assert log.census().unaccounted == 0
    assert log.sweep() == 0


def pump(store: redis.Redis, account: KableAccount) -> Report:
    with closing(Client(KABLE, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        return Pump(Lane(KABLE, account, log, throttle, client, wakes), token="pump").run()


def admission(number: int, user: str, **properties: object) -> Admission:
    event = {
        "type": "track",
        "event": "API Called",
        "messageId": f"m-{number}",
        "userId": user,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {"number": number, **properties},
    }
    return Admission(f"m-{number}", "web", user, json.dumps(event).encode())


def billed(account: KableAccount) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = requests.get(f"{account.base_url}/_usage", timeout=5).json()[
        "items"
    ]
    return items


def received(account: KableAccount) -> list[dict[str, Any]]:
    requests_: list[dict[str, Any]] = requests.get(
        f"{account.base_url}/_received?limit=1000", timeout=5
    ).json()["requests"]
    return requests_


def misbehave(account: KableAccount, **answer: object) -> None:
    requests.post(f"{account.base_url}/_answers", json=answer, timeout=5).raise_for_status()


def tried(store: redis.Redis) -> Delivery:
    """The delivery of the only dead letter."""
    [only] = store.hvals(destination_key("kable", "dead:deliveries"))
    return delivery.decode(only)


def letters(store: redis.Redis) -> list[dead_letters.Letter]:
    return [dead_letters.decode(x) for x in store.hvals(destination_key("kable", "dead"))]


def test_what_waits_arrives_once_in_arrays_and_in_the_order_of_each_user(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(n, f"user-{n % 40}") for n in range(3000)])
    first, second = pump(store, account), pump(store, account)
    items = billed(account)
    assert first.settled["delivered"] + second.settled["delivered"] == len(items) == 3000
    assert first.requests + second.requests < 60
    for user in range(40):
        mine = [item["data"]["number"] for item in items if item["clientId"] == f"user-{user}"]
        assert mine == sorted(mine)


def test_a_refused_array_is_split_until_the_bad_event_stands_alone(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    requests.post(
        f"{account.base_url}/_settings", json={"refuse_client_ids": ["bad"]}, timeout=5
    ).raise_for_status()
    log.append([admission(n, "bad" if n == 57 else f"user-{n % 9}") for n in range(100)])
    reports = [pump(store, account), pump(store, account)]
    assert sum(report.settled["delivered"] for report in reports) == 99
    [letter] = letters(store)
    assert (letter.id, letter.reason) == ("m-57", "rejected")
    assert tried(store).attempts[-1].status == 400
    assert "bad" in tried(store).attempts[-1].request


def test_an_event_without_a_client_id_is_rejected_with_the_path_named(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    by_group = account.model_copy(update={"client_id_field": "context.groupId"})
    log.append([admission(1, "user-1")])
    report = pump(store, by_group)
    assert (report.settled["bury"], report.requests) == (1, 0)
    [letter] = letters(store)
    assert (letter.reason, "context.groupId" in letter.message) == ("rejected", True)


def test_a_failure_is_tried_again_when_it_is_due_and_then_delivered(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(1, "user-1")])
    misbehave(account, status=500, times=1)
    report = pump(store, account)
    assert (report.settled["retry"], report.settled["delivered"], report.requests) == (1, 1, 2)
    assert [item["transactionId"] for item in billed(account)] == ["m-1"]


def test_what_fails_too_often_is_buried_as_exhausted_with_every_attempt(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(1, "user-1")])
    misbehave(account, status=500)
    report = pump(store, account)
    assert (report.settled["retry"], report.settled["bury"]) == (1, 1)
    [letter] = letters(store)
    assert (letter.reason, [a.status for a in tried(store).attempts]) == (
        "exhausted",
        [500, 500],
    )


def test_an_outage_holds_the_destination_and_spends_no_attempt(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(n, f"user-{n}") for n in range(50)])
    misbehave(account, status=503)
    report = pump(store, account)
    census = log.census()
    assert (census.waiting, census.retrying, census.dead) == (50, 0, 0)
    assert (report.held, report.wake, census.why) == (census.why, False, report.held)
    assert census.held_until


def test_a_held_destination_is_not_asked_again_before_its_time(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(1, "user-1")])
    misbehave(account, status=429, headers={"Retry-After": "60"})
    pump(store, account)
    assert pump(store, account) == Report()
    assert log.overdue(0) == "nothing"
    assert log.append([admission(2, "user-2")]).wake is False


def test_credentials_that_are_refused_hold_the_events_and_name_the_setting(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    requests.post(
        f"{account.base_url}/_settings", json={"api_key": "sk_test.another.key"}, timeout=5
    ).raise_for_status()
    log.append([admission(1, "user-1")])
    assert "api_key" in pump(store, account).held
    assert log.census().waiting == 1


def test_a_rate_is_kept_and_arrays_stay_arrays(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    slow = account.model_copy(update={"rate": 40.0, "burst": 10, "pumps": 1})
    log.append([admission(n, f"user-{n}") for n in range(40)])
    report = pump(store, slow)
    sizes = [len(json.loads(one["body"])) for one in received(account)]
    assert (report.settled["delivered"], sizes[0], max(sizes)) == (40, 10, 10)
    assert report.requests <= 10


def test_when_all_is_refused_the_destination_is_paused_and_not_all_is_buried(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(n, f"user-{n}") for n in range(300)])
    misbehave(account, status=404)
    report = pump(store, account)
    state = Throttle(store, account).state()
    assert (state.paused_by, state.paused_why) == ("relay", report.held)
    assert "20 refusals more than successes, the last: Kable answered 404" in report.held
    assert report.settled["bury"] < 50
    assert log.census().waiting > 200


def test_when_no_event_becomes_a_request_the_destination_is_paused_and_the_rest_waits(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    wrong = account.model_copy(update={"client_id_field": "context.groupId"})
    log.append([admission(n, f"user-{n}") for n in range(300)])
    report = pump(store, wrong)
    state, census = Throttle(store, account).state(), log.census()
    assert (census.dead, census.waiting, report.requests) == (20, 280, 0)
    assert (state.paused_by, state.paused_cause) == ("relay", "refusals")
    assert "look at the destination's settings; the first: context.groupId" in state.paused_why
    Throttle(store, account).resume()
    reports = [pump(store, account), pump(store, account)]
    assert sum(report.settled["delivered"] for report in reports) == 280


def test_a_pump_that_was_taken_over_changes_nothing(
    store: redis.Redis, log: Log, account: KableAccount
) -> None:
    log.append([admission(1, "user-1")])
    log.lease("another", 32)
    assert pump(store, account) == Report()
    assert log.census().waiting == 1


def test_what_needs_no_request_is_settled_by_five_hundred_so_that_the_store_answers_others(
    store: redis.Redis, account: KableAccount
) -> None:
    changes = {"partitions": 1, "filters": (FilterSettings(send=False),)}
    quiet = account.model_copy(update=changes)
    Log(store, quiet).append([admission(n, "user") for n in range(1_200)])
    assert pump(store, quiet).settled["filtered"] == 1_200
    assert store.llen(destination_key("kable", "settled")) == 3
