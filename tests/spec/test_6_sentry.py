"""Errors and news go to Sentry, once each, and nothing personal or secret goes with them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from celery import Celery

from app.log import Log
from app.settings import DestinationSettings
from app.throttle import Throttle
from app.wake import TRANSPORT_OPTIONS, queue_name
from tests.processes import free_port, http_answers, sandbox, wait_until
from tests.reporting import CANARIES, Processes, Sentry, canaries_in, processes, sentry

KABLE = DestinationSettings(id="kable", kind="kable")
REFUSAL = {
    "message": f"no client {CANARIES['user']} with {CANARIES['email']}, {CANARIES['value']}"
}
REFUSED = "Kable answered *, no client * with * (X-REQUEST-ID *)"
STARTED = ("ingest", "console", "worker", "beat")

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Told:
    """What Sentry heard of processes that had every kind of trouble, and what they wrote."""

    sentry: Sentry
    said: dict[str, str]

    def events(self, word: str) -> list[dict[str, Any]]:
        return [one for one in self.sentry.events if word in json.dumps(one)]


@pytest.fixture(scope="module")
def kable() -> Iterator[str]:
    with sandbox() as address:
        yield f"{address}/kable"


def send(running: Processes, number: int, event: str = "API Called", type_: str = "track") -> int:
    told = {
        "messageId": f"{CANARIES['message id']}-{number}",
        "userId": CANARIES["user"],
        "event": event,
        "properties": {"plan": CANARIES["value"], "email": CANARIES["email"]},
    }
    where = running.url("ingest", f"/v1/{type_}?{CANARIES['query']}")
    key = (CANARIES["write key"], "")
    return requests.post(where, json=told, auth=key, timeout=20).status_code


def run_task(store_url: str, name: str) -> None:
    client = Celery("tests", broker=store_url, set_as_current=False)
    client.conf.broker_transport_options = TRANSPORT_OPTIONS
    told = " ".join(CANARIES.values())
    client.send_task(name, args=[told], queue=queue_name("kable"), ignore_result=True)
    client.close()


@pytest.fixture(scope="module")
def told(store_url: str, kable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All processes, with traces, through bugs, refusals, a pause and a dead child."""
    folder = tmp_path_factory.mktemp("told")
    with redis.Redis.from_url(store_url) as store, sentry() as heard:
        store.flushall()
        environ = {
            "RELAY_STORE_URL": store_url,
            "RELAY_SENTRY_DSN": heard.dsn,
            "RELAY_SENTRY_TRACES_SAMPLE_RATE": "1",
            "RELAY_DESTINATIONS__kable__BASE_URL": kable,
        }
        with processes(folder, environ) as running:
            running.start(*STARTED)
            wait_until(lambda: http_answers(running.url("ingest", "/readyz")), within=60)
            wait_until(lambda: http_answers(running.url("console", "/healthz")), within=60)
            _trouble(running, store, store_url, kable)
            wait_until(lambda: _all_heard(heard))
        yield Told(heard, {name: running.said(name) for name in STARTED})


def _trouble(running: Processes, store: redis.Redis, store_url: str, kable: str) -> None:
    log = Log(store, KABLE)
    assert send(running, 0, type_="identify") == 500
    cookies = {"session": CANARIES["cookie"]}
    bearer = {"Authorization": f"Bearer {CANARIES['bearer']}"}
    crash = running.url("console", f"/api/crash?{CANARIES['query']}")
    assert requests.get(crash, headers=bearer, cookies=cookies, timeout=20).status_code == 500
    for number in range(1, 4):
        assert send(running, number, "Trip") == 200
    wait_until(lambda: log.census().dead == 3)
    answer = {"status": 400, "body": json.dumps(REFUSAL), "mode": "answer"}
    requests.post(f"{kable}/_answers", json=answer, timeout=5).raise_for_status()
    for number in range(4, 7):
        assert send(running, number) == 200
    wait_until(lambda: log.census().dead == 6)
    requests.post(f"{kable}/_answers", json=answer | {"status": 401}, timeout=5).raise_for_status()
    assert send(running, 7) == 200
    wait_until(lambda: Throttle(store, KABLE).state().paused_by == "relay")
    run_task(store_url, "tests.fails")
    run_task(store_url, "tests.breaks_a_pipeline")


def _all_heard(heard: Sentry) -> bool:
    words = ("request.failed", "RuntimeError", "paused", "LookupError", "ResponseError")
    whole = "".join(heard.envelopes)
    return all(word in whole for word in words) and whole.count("group.opened kable") == 2


def test_nothing_personal_or_secret_leaves(told: Told) -> None:
    envelopes = "".join(told.sentry.envelopes)
    assert canaries_in(envelopes) == []
    assert canaries_in(envelopes.replace("*", " ")) == []
    keys = {key for event in told.sentry.events for key in event}
    forbidden = {"user", "request", "breadcrumbs", "extra", "modules", "server_name", "threads"}
    assert keys & forbidden == set()


def test_a_new_group_is_one_report_for_all_its_letters(told: Told) -> None:
    found = [event for event in told.events("group.opened") if "group" in event.get("tags", {})]
    groups = [event["tags"]["group"] for event in found]
    assert [(event["tags"] | {"group": ""}, event["message"]) for event in found] == [
        (
            {"destination": "kable", "group": "", "reason": "untransformable"},
            "group.opened kable untransformable: ValueError",
        ),
        (
            {"destination": "kable", "group": "", "reason": "rejected", "status": "400"},
            f"group.opened kable rejected 400: {REFUSED}",
        ),
    ]
    assert [event["fingerprint"] for event in found] == [
        ["group.opened", "kable", group] for group in groups
    ]


def test_a_paused_destination_is_one_report(told: Told) -> None:
    paused = told.events("destination.paused")
    assert [(event["level"], event["fingerprint"]) for event in paused] == [
        ("error", ["destination.paused", "kable", "credentials"])
    ]


def test_an_error_tells_where_it_was_raised_and_not_what_it_says(told: Told) -> None:
    (failed,) = told.events("request.failed")
    (raised,) = failed["exception"]["values"]
    frame = raised["stacktrace"]["frames"][-1]
    assert (failed["logger"], raised["type"]) == ("app.ingest.endpoint", "ValueError")
    assert set(frame) == {"module", "function", "lineno", "in_app"}
    assert (frame["module"], frame["function"]) == ("tests.faulty", "crashes")


def test_an_error_that_a_library_has_seen_too_is_reported_once(told: Told) -> None:
    errors = [event for event in told.sentry.events if event.get("type") != "transaction"]
    kinds = [event["exception"]["values"][-1]["type"] for event in errors if "exception" in event]
    assert sorted(kinds) == ["LookupError", "ResponseError", "RuntimeError", *["ValueError"] * 4]


def test_a_trace_is_named_by_code(told: Told) -> None:
    traces = [event for event in told.sentry.events if event.get("type") == "transaction"]
    assert {event["transaction"] for event in traces} >= {"relay.pump", "other"}
    assert {key for event in traces for key in event["contexts"]} == {"trace"}


def test_every_line_is_json_and_tells_nothing_personal_or_secret(told: Told) -> None:
    for name, said in told.said.items():
        lines = [line for line in said.splitlines() if line and "Warm shutdown" not in line]
        assert [line for line in lines if not line.startswith('{"timestamp": ')] == [], name
        assert all({"level", "event", "logger"} <= set(json.loads(line)) for line in lines)
        assert lines != []


def test_sentry_that_is_gone_stops_nothing(
    store: redis.Redis, store_url: str, kable: str, tmp_path: Path
) -> None:
    requests.delete(f"{kable}/_answers", timeout=5).raise_for_status()
    environ = {
        "RELAY_STORE_URL": store_url,
        "RELAY_SENTRY_DSN": f"http://public@127.0.0.1:{free_port()}/1",
        "RELAY_DESTINATIONS__kable__BASE_URL": kable,
    }
    log = Log(store, KABLE)
    with processes(tmp_path, environ) as running:
        running.start("ingest", "worker")
        wait_until(lambda: http_answers(running.url("ingest", "/readyz")), within=60)
        for number in range(20):
            assert send(running, number, "Trip" if number % 2 else "API Called") == 200
            send(running, number, type_="identify")
        wait_until(lambda: (log.census().dead, log.census().delivered) == (10, 10))
    assert {name: ended.returncode for name, ended in running.running.items()} == {
        "ingest": -15,
        "worker": 0,
    }
