"""The pump takes what waits to Kana: usage at most once, each user before what it used."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
import requests
from pydantic import SecretStr

from app import dead_letters, delivery
from app.append import Admission
from app.client import Client
from app.delivery import Delivery
from app.destinations.kana import KANA, KanaAccount
from app.keys import destination_key
from app.lane import Lane
from app.log import LEASE_MS, Log
from app.moves import Leased, Reading
from app.pump import Pump, Report, milliseconds
from app.settings import RetrySettings
from app.throttle import Throttle
from app.wake import Wakes
from tests.processes import free_port, sandbox


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield f"{running}/kana"


@pytest.fixture
def account(address: str) -> KanaAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KanaAccount(
        id="kana",
        base_url=address,
        api_key=SecretStr("prv_test_0123456789abcdef0123456789abcdef"),
        retry=RetrySettings(wait_initial=timedelta(milliseconds=1)),
    )


@pytest.fixture
def log(store: redis.Redis, account: KanaAccount) -> Iterator[Log]:
    """The log of the destination; after the test nothing is unaccounted for, stuck or marked."""
    log = Log(store, account)
    yield log
    assert log.census().unaccounted == 0
    assert log.sweep() == 0
    assert list(store.scan_iter(destination_key("kana", "sending:") + "*")) == []


def pump(store: redis.Redis, account: KanaAccount) -> Report:
    with closing(Client(KANA, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        return Pump(Lane(KANA, account, log, throttle, client, wakes), token="pump").run()


def track(number: int, user: str = "u1", **properties: object) -> Admission:
    properties = {"featureId": "calls", "delta": number, **properties}
    return admission(f"m-{number}", user, type="track", event="Call", properties=properties)


def identify(message_id: str, user: str = "u1", **traits: object) -> Admission:
    return admission(message_id, user, type="identify", traits=traits)


def admission(message_id: str, user: str, **fields: object) -> Admission:
    event = {"messageId": message_id, "userId": user, **fields}
    return Admission(message_id, "web", user, json.dumps(event).encode())


def used(account: KanaAccount) -> list[tuple[str, str, int]]:
    items = told(account, "_usage")["items"]
    return [(one["userId"], one["featureId"], one["delta"]) for one in items]


def users(account: KanaAccount) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told(account, "_users")["items"]
    return items


def operations(account: KanaAccount) -> list[str]:
    """What Kana was asked for, by the first name in each request, in order."""
    received = told(account, "_received?limit=1000")["requests"]
    return [json.loads(one["body"])["query"].split()[1].partition("(")[0] for one in received]


def told(account: KanaAccount, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{account.base_url}/{path}", timeout=5).json()
    return answer


def misbehave(account: KanaAccount, **answer: object) -> None:
    requests.post(f"{account.base_url}/_answers", json=answer, timeout=5).raise_for_status()


def set_up(account: KanaAccount, **settings: object) -> None:
    requests.post(f"{account.base_url}/_settings", json=settings, timeout=5).raise_for_status()


def tried(store: redis.Redis) -> Delivery:
    """The delivery of the only dead letter."""
    [only] = store.hvals(destination_key("kana", "dead:deliveries"))
    return delivery.decode(only)


def letter(store: redis.Redis) -> dead_letters.Letter:
    [only] = [dead_letters.decode(x) for x in store.hvals(destination_key("kana", "dead"))]
    return only


def test_usage_is_recorded_once(store: redis.Redis, log: Log, account: KanaAccount) -> None:
    log.append([track(n, f"user-{n % 7}") for n in range(1, 101)])
    log.append([track(n, f"user-{n % 7}") for n in range(1, 101)])
    report = pump(store, account)
    assert (report.settled["delivered"], report.requests) == (100, 100)
    assert sorted(delta for _, _, delta in used(account)) == list(range(1, 101))


def test_each_users_usage_arrives_in_order(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(n, f"user-{n % 3}") for n in range(1, 61)])
    pump(store, account)
    for user in range(3):
        mine = [delta for name, _, delta in used(account) if name == f"user-{user}"]
        assert mine == sorted(mine)
        assert len(mine) == 20


def test_an_identify_creates_a_user_and_a_later_one_changes_its_name(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([identify("m1", name="Ann", email="ann@example.com", billingUserId="cus_1")])
    log.append([identify("m2", name="Ann B."), identify("m3", name="Ann B.")])
    report = pump(store, account)
    assert (report.settled["delivered"], len(users(account))) == (3, 1)
    assert users(account)[0].items() >= {
        ("id", "u1"),
        ("name", "Ann B."),
        ("email", "ann@example.com"),
        ("billingId", "cus_1"),
    }
    created = ["retrieveUser", "retrieveUser", "createUser"]
    assert operations(account) == [*created, "retrieveUser", "updateUser", "retrieveUser"]


def test_a_user_is_there_before_what_it_used_while_its_identify_is_tried_again(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, strict=True, features=["calls"])
    log.append([identify("first", "slow")])
    misbehave(account, status=500, times=1)
    log.append([track(n, "slow") for n in range(1, 4)])
    log.append([identify("other", "quick"), track(9, "quick")])
    report = pump(store, account)
    assert (report.settled["block"], report.settled["delivered"]) == (1, 6)
    assert log.census().dead == 0
    assert [delta for user, _, delta in used(account) if user == "slow"] == [1, 2, 3]


def test_other_users_go_on_while_one_waits_for_its_retry(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([identify("first", "slow")])
    misbehave(account, status=500, headers={"Retry-After": "60"}, times=1)
    assert pump(store, account).settled["block"] == 1
    log.append([track(1, "slow"), *(track(n, "quick") for n in range(2, 5))])
    pump(store, account)
    assert used(account) == [("quick", "calls", n) for n in range(2, 5)]
    assert (log.census().retrying, log.census().waiting) == (2, 0)


@pytest.mark.parametrize("effect", [True, False])
def test_a_reset_leaves_usage_unconfirmed_and_it_is_never_sent_again(
    effect: bool, store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(1)])
    misbehave(account, mode="reset", times=1, effect=effect)
    pump(store, account)
    assert pump(store, account) == Report()
    assert (letter(store).reason, letter(store).id) == ("unconfirmed", "m-1")
    assert operations(account) == ["recordUsage"]
    assert used(account) == [("u1", "calls", 1)] * effect


@pytest.mark.parametrize("answer", [{"status": 500}, {"status": 503}, {"body": "<html>"}])
def test_an_answer_that_does_not_tell_leaves_usage_unconfirmed(
    answer: dict[str, object], store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(1)])
    misbehave(account, times=1, **answer)
    pump(store, account)
    assert letter(store).reason == "unconfirmed"
    assert operations(account) == ["recordUsage"]


def test_a_call_that_outlasts_the_deadline_is_unconfirmed(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    hasty = account.model_copy(update={"deadline": timedelta(milliseconds=300)})
    log.append([track(1)])
    misbehave(account, mode="hang")
    pump(store, hasty)
    assert letter(store).reason == "unconfirmed"
    assert "timed out" in letter(store).message


def test_without_a_connection_usage_is_held_unmarked(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    away = account.model_copy(update={"base_url": f"http://127.0.0.1:{free_port()}"})
    log.append([track(n, f"user-{n}") for n in range(1, 21)])
    report = pump(store, away)
    assert "was not reached" in report.held
    assert (log.census().waiting, log.census().dead) == (20, 0)
    assert list(store.scan_iter(destination_key("kana", "sending:") + "*")) == []


def test_a_limit_of_kanas_rate_holds_usage_unmarked(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(1)])
    misbehave(account, status=429, headers={"Retry-After": "60"})
    pump(store, account)
    assert (log.census().waiting, log.census().dead) == (1, 0)
    assert (log.census().held_until or 0) > milliseconds() + 50_000


def test_a_key_that_is_refused_holds_usage_and_names_the_setting(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, api_key="prv_test_another")
    log.append([track(1), identify("m1", "u2")])
    assert "look at api_key" in pump(store, account).held
    assert (log.census().waiting, log.census().dead) == (2, 0)


def test_what_kana_does_not_record_is_rejected_with_its_reason(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, refuse_features={"calls": "No subscription"})
    log.append([track(1)])
    pump(store, account)
    found = letter(store)
    assert (found.reason, found.message) == (
        "rejected",
        "Kana did not record it: No subscription",
    )


def test_errors_are_read_where_the_status_says_that_all_is_well(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, strict=True, features=["calls"])
    log.append([track(1, "nobody")])
    pump(store, account)
    found = letter(store)
    assert (found.reason, found.message) == ("rejected", "Kana answered 200, User not found")
    assert tried(store).attempts[-1].status == 200


def test_a_letter_shows_the_last_of_several_calls(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([identify("m1", name="Ann"), identify("m2", name="Ann B.")])
    pump(store, account)
    log.append([identify("m3", name="Ann C.")])
    refused = {"errors": [{"message": "No", "extensions": {"code": "BAD_USER_INPUT"}}]}
    misbehave(account, body=refused, effect=False)
    pump(store, account)
    assert (letter(store).reason, letter(store).message) == ("rejected", "Kana answered 200, No")
    assert "retrieveUser" in tried(store).attempts[-1].request


def test_what_a_pump_had_sent_when_it_died_is_buried_and_not_sent_again(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    past = Log(store, account, lambda: milliseconds() - 2 * LEASE_MS)
    past.append([track(1), track(2, "u2"), identify("m1", "u3")])
    leased = past.lease("dead", 32)
    assert isinstance(leased, Leased)
    heads = past.heads("dead", [Reading(p, "", 9, 9) for p in leased.partitions]).heads
    past.mark("dead", [head for head in heads if head.delivery.id == "m-1"])
    pump(store, account)
    found = letter(store)
    assert (found.reason, found.id) == ("unconfirmed", "m-1")
    assert "a pump ended while it sent this" in found.message
    assert log.census().delivered == 2
    assert used(account) == [("u2", "calls", 2)]


def test_usage_of_no_feature_is_kept_as_unmapped(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(1, featureId=None), track(2)])
    pump(store, account)
    assert (log.census().unmapped, log.census().delivered) == (1, 1)
    assert used(account) == [("u1", "calls", 2)]
