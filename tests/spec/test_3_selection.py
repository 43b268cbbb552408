"""Filters, the cut-over and a dry run finish what is not to be sent; the ledger adds up."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import redis
import requests
from typer.testing import CliRunner

from app import delivery, shown
from app.append import Admission
from app.cli import relay as command
from app.client import Client
from app.destination import Destination
from app.destinations.kable import KABLE, KableAccount
from app.destinations.kana import KANA, KanaAccount
from app.lane import Lane
from app.ledger import Census
from app.log import Log
from app.moves import Reading, Settlement
from app.pump import Pump, Report
from app.replays import NothingIsSent, Replays
from app.settings import DestinationSettings
from app.shown import Shown
from app.throttle import Throttle
from app.trace import Wanted, traces
from app.verdict import put_behind
from app.wake import Wakes
from tests.processes import sandbox

KINDS = {"kable": KABLE, "kana": KANA}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield running


@pytest.fixture(autouse=True)
def forgotten(address: str) -> None:
    for partner in KINDS:
        requests.delete(f"{address}/{partner}/_state", timeout=5).raise_for_status()
        requests.delete(f"{address}/{partner}/_received", timeout=5).raise_for_status()


@pytest.fixture
def kable(address: str) -> KableAccount:
    keys = {"api_key": "sk_test.abcdefgh.secret", "kable_client_id": "kci_0123"}
    settings = {"id": "kable", "base_url": f"{address}/kable", **keys}
    return KableAccount.model_validate(settings)


@pytest.fixture
def kana(address: str) -> KanaAccount:
    settings = {"id": "kana", "base_url": f"{address}/kana", "api_key": "prv_test_1"}
    return KanaAccount.model_validate(settings)


def with_settings(account: DestinationSettings, **settings: object) -> DestinationSettings:
    """The account as if these stood in relay.toml as well."""
    return type(account).model_validate({**dict(account), **settings})


def admission(number: int, at: str = "2026-06-01T12:00:00.000Z", **fields: object) -> Admission:
    event = {
        "type": "track",
        "event": "API Called",
        "messageId": f"m-{number}",
        "userId": "user-1",
        "timestamp": at,
        "properties": {},
        **fields,
    }
    return Admission(f"m-{number}", "web", "user-1", msgspec.json.encode(event))


def pump(store: redis.Redis, account: DestinationSettings) -> Report:
    kind: Destination = KINDS[account.kind]  # type: ignore[type-arg]
    with closing(Client(kind, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        return Pump(Lane(kind, account, log, throttle, client, wakes), token="pump").run()


def ledger(store: redis.Redis, account: DestinationSettings) -> dict[str, int]:
    """What a census counts but for what is 0; nothing may be unaccounted for or stuck."""
    log = Log(store, account)
    census = log.census()
    assert census.unaccounted == 0
    assert log.sweep() == 0
    names = [name for name in Census.__dataclass_fields__ if name not in ("why", "oldest_ms")]
    return {name: count for name in names if (count := getattr(census, name))}


def calls(account: DestinationSettings) -> int:
    found = requests.get(f"{account.base_url}/_received?limit=1000", timeout=5).json()
    return len(found["requests"])


def test_what_is_filtered_is_finished_and_counted_as_a_part_of_what_is_skipped(
    store: redis.Redis, kable: KableAccount
) -> None:
    filters = [{"send": False, "events": ["Test *"]}, {"send": False, "properties": {"n": 2}}]
    account = with_settings(kable, filters=filters)
    Log(store, account).append(
        [
            admission(1),
            admission(2, event="Test Call"),
            admission(3, properties={"n": 2}),
            admission(4, properties={"n": "2"}),
        ]
    )
    report = pump(store, account)
    assert report.settled == {"delivered": 2, "filtered": 2}
    assert ledger(store, account) == {"accepted": 4, "delivered": 2, "skipped": 2, "filtered": 2}
    [day] = Log(store, account).days()
    assert (day.accepted, day.delivered, day.skipped, day.waiting) == (4, 2, 2, 0)


def test_a_trace_says_that_an_event_was_filtered(store: redis.Redis, kable: KableAccount) -> None:
    account = with_settings(kable, filters=[{"send": False}])
    Log(store, account).append([admission(1)])
    pump(store, account)
    [trace] = traces(store, account, Wanted("m-1"), ["web"])
    assert (trace.places, trace.history[-1].what) == (("finished",), "filtered")


def test_other_filters_hold_for_what_waits_already(
    store: redis.Redis, kable: KableAccount
) -> None:
    Log(store, kable).append([admission(1)])
    pump(store, with_settings(kable, filters=[{"send": False, "types": ["track"]}]))
    assert ledger(store, kable) == {"accepted": 1, "skipped": 1, "filtered": 1}


def test_a_retry_that_is_filtered_lets_its_user_go_on(
    store: redis.Redis, kana: KanaAccount
) -> None:
    log = Log(store, kana)
    usage = admission(2, properties={"featureId": "calls"})
    log.append([admission(1, type="identify", traits={"name": "Ann"}), usage])
    log.lease("former", 32)
    first, second = log.heads("former", [Reading(p, "", 9, 9) for p in range(32)]).heads
    failed = Settlement(first, "block", payload=delivery.encode(first.delivery))
    log.settle("former", 1, [failed, put_behind(second)])
    log.release("former")
    pump(store, with_settings(kana, filters=[{"send": False, "types": ["identify"]}]))
    assert ledger(store, kana) == {
        "accepted": 2,
        "delivered": 1,
        "skipped": 1,
        "filtered": 1,
        "retried": 1,
    }


def test_what_happened_before_the_cut_over_is_skipped(
    store: redis.Redis, kable: KableAccount
) -> None:
    account = with_settings(kable, deliver_from="2026-06-01T12:00:00Z")
    Log(store, account).append([admission(1), admission(2, "2026-06-01T11:59:59.999Z")])
    pump(store, account)
    counts = {"accepted": 2, "delivered": 1, "skipped": 1, "before_cutover": 1}
    assert ledger(store, account) == counts


def test_a_dry_run_sends_nothing_and_shows_what_it_would_have_sent(
    store: redis.Redis, kable: KableAccount
) -> None:
    account = with_settings(kable, dry_run=True, filters=[{"send": False, "events": ["T*"]}])
    nobody = {"userId": None, "anonymousId": "a"}
    Log(store, account).append([admission(1), admission(2, **nobody), admission(3, event="Test")])
    assert pump(store, account).settled == {"dry_run": 2, "filtered": 1}
    assert ledger(store, account) == {"accepted": 3, "skipped": 3, "filtered": 1, "dry_run": 2}
    assert calls(account) == 0
    refused, sent = sorted(shown.newest(store, "kable"), key=lambda one: one.would_be)
    body = (
        b'[{"clientId":"user-1","timestamp":"2026-06-01T12:00:00.000Z",'
        b'"transactionId":"m-1","data":{}}]'
    )
    path = "/api/v1/events/create"
    assert sent == Shown("m-1", "user-1", sent.at, "sent", "", "POST", path, body)
    assert (refused.id, refused.would_be) == ("m-2", "rejected")
    assert refused.why.startswith("userId: expected the customer's clientId")


def test_a_dry_run_neither_parks_nor_buries(store: redis.Redis, kana: KanaAccount) -> None:
    account = with_settings(kana, dry_run=True)
    broken = Admission("m-3", "web", "user-1", b"[]")
    usage = admission(2, properties={"featureId": "calls", "delta": 7})
    Log(store, account).append([admission(1), usage, broken])
    pump(store, account)
    assert ledger(store, account) == {"accepted": 3, "skipped": 3, "dry_run": 3}
    fates = {one.id: one.would_be for one in shown.newest(store, "kana")}
    assert fates == {"m-1": "unmapped", "m-2": "sent", "m-3": "untransformable"}
    assert calls(account) == 0


def test_a_dry_run_keeps_the_newest_hundred(store: redis.Redis, kable: KableAccount) -> None:
    account = with_settings(kable, dry_run=True, partitions=1)
    Log(store, account).append([admission(number) for number in range(250)])
    pump(store, account)
    ids = [one.id for one in shown.newest(store, "kable")]
    assert ids == [f"m-{number}" for number in range(249, 149, -1)]


def test_after_a_dry_run_what_comes_is_delivered(store: redis.Redis, kable: KableAccount) -> None:
    log = Log(store, kable)
    log.append([admission(1)])
    pump(store, with_settings(kable, dry_run=True))
    log.append([admission(1), admission(2)])
    pump(store, kable)
    counts = {"accepted": 2, "delivered": 1, "skipped": 1, "dry_run": 1}
    assert ledger(store, kable) == counts


def test_no_replay_begins_in_a_dry_run(store: redis.Redis, kable: KableAccount) -> None:
    with pytest.raises(NothingIsSent, match=r"expected destinations\.kable\.dry_run = false"):
        Replays(store, with_settings(kable, dry_run=True)).begin(["0-1"], None, "ann")


def test_operators_read_what_a_dry_run_would_have_sent(
    store: redis.Redis, store_url: str, kana: KanaAccount, tmp_path: Path
) -> None:
    account = with_settings(kana, dry_run=True)
    Log(store, account).append([admission(1, event="\x1b[31m"), admission(2, type="identify")])
    pump(store, account)
    config = tmp_path / "relay.toml"
    config.write_text(
        f'store_url = "{store_url}"\n[sources.web]\nwrite_key = "k"\ndestinations = ["kana"]\n'
        f'[destinations.kana]\nkind = "kana"\napi_key = "prv_test_1"\ndry_run = true\n'
        f'base_url = "{account.base_url}"\n'
    )

    def relay(*words: str) -> str:
        return CliRunner().invoke(command, [*words, "--config", str(config)]).stdout

    rows = {line.split()[1]: line for line in relay("destinations", "shown", "kana").splitlines()}
    assert "unmapped" in rows["m-1"]
    assert "POST /graphql" in rows["m-2"]
    listed = msgspec.json.decode(relay("destinations", "shown", "kana", "--json"))["items"]
    requests_ = {one["message_id"]: one["request"] for one in listed}
    assert requests_["m-1"] is None
    assert requests_["m-2"]["body"]["variables"] == {"id": "user-1"}
    assert "dry run: what comes is skipped for good" in relay("check")
