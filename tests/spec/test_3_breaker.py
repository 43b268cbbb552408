"""The throttle at work: pumps keep a rate together, leave what is down alone, and come back."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from pydantic import SecretStr

from app.append import Admission
from app.client import Client
from app.clock import Clock, milliseconds
from app.destinations import KINDS
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.lane import Lane
from app.log import Log
from app.pump import Pump, Report
from app.settings import DestinationSettings, RetrySettings
from app.throttle import FIRST_PAUSE_MS, Throttle, fingerprint
from app.wake import Wakes
from tests import told
from tests.processes import sandbox, wait_until

SOON = RetrySettings(attempts_max=2, wait_initial=timedelta(milliseconds=1))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield running


@pytest.fixture
def kable(address: str) -> KableAccount:
    requests.delete(f"{address}/kable/_state", timeout=5).raise_for_status()
    return kable_at(f"{address}/kable")


@pytest.fixture
def kana(address: str) -> KanaAccount:
    requests.delete(f"{address}/kana/_state", timeout=5).raise_for_status()
    key = SecretStr("prv_test_0123456789abcdef0123456789abcdef")
    return KanaAccount(id="kana", base_url=f"{address}/kana", api_key=key, retry=SOON)


@pytest.fixture
def clock() -> told.Clock:
    return told.Clock()


def kable_at(base_url: str) -> KableAccount:
    return KableAccount(
        id="kable",
        base_url=base_url,
        api_key=SecretStr("sk_test.abcdefgh.secret"),
        kable_client_id="kci_0123",
        retry=SOON,
    )


def lane(store: redis.Redis, account: DestinationSettings, clock: Clock | None = None) -> Lane:
    kind = KINDS[account.kind]
    wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
    log, throttle = Log(store, account, clock), Throttle(store, account, clock)
    return Lane(kind, account, log, throttle, Client(kind, account), wakes)


def pump(
    store: redis.Redis, account: DestinationSettings, clock: Clock | None = None, number: int = 0
) -> Report:
    one = lane(store, account, clock)
    with closing(one.client):
        return Pump(one, token=f"pump-{number}", clock=clock or milliseconds).run()


def side_by_side(
    store: redis.Redis, account: DestinationSettings, until: Callable[[], bool]
) -> None:
    """As many pumps as the account allows, one after the other in each thread."""

    def work(number: int) -> None:
        while not until():
            pump(store, account, number=number)

    with ThreadPoolExecutor(account.pumps) as threads:
        list(threads.map(work, range(account.pumps)))


def track(number: int, **more: object) -> Admission:
    properties = {"featureId": "calls", "delta": 1, "number": number, **more}
    fields = {"type": "track", "event": "Call", "properties": properties}
    return admission(number, **fields, timestamp="2026-01-02T03:04:05.678Z")


def admission(number: int, **fields: object) -> Admission:
    event = {"messageId": f"m-{number}", "userId": f"user-{number}", **fields}
    return Admission(f"m-{number}", "web", f"user-{number}", json.dumps(event).encode())


def received(account: DestinationSettings) -> list[dict[str, Any]]:
    url = f"{account.base_url}/_received?limit=10000"
    found: list[dict[str, Any]] = requests.get(url, timeout=5).json()["requests"]
    return found


def calls(account: DestinationSettings) -> list[str]:
    """What was called since this was last asked, by the last part of its path."""
    found = [one["path"].rpartition("/")[2] for one in received(account)]
    requests.delete(f"{account.base_url}/_received", timeout=5).raise_for_status()
    return found


def misbehave(account: DestinationSettings, **answer: object) -> None:
    requests.post(f"{account.base_url}/_answers", json=answer, timeout=5).raise_for_status()


def behave(account: DestinationSettings) -> None:
    requests.delete(f"{account.base_url}/_answers", timeout=5).raise_for_status()


def test_four_pumps_reach_a_rate_together_and_no_window_sees_more(
    store: redis.Redis, kana: KanaAccount
) -> None:
    account = kana.model_copy(update={"rate": 50.0, "burst": 10, "pumps": 4, "concurrency": 2})
    log = Log(store, account)
    log.append([track(n) for n in range(300)])
    side_by_side(store, account, lambda: log.census().delivered == 300)
    at = [datetime.fromisoformat(one["at"]).timestamp() for one in received(account)]
    assert (300 - 10) / (at[-1] - at[0]) >= 0.95 * 50
    for begin in range(300):
        for end in range(begin, 300):
            assert end - begin + 1 <= 50 * (at[end] - at[begin]) + 10 + 8


def test_a_limit_that_answers_429_is_found_within_seconds(
    store: redis.Redis, kana: KanaAccount
) -> None:
    account = kana.model_copy(update={"pumps": 1})
    log = Log(store, account)
    log.append([track(n) for n in range(200)])
    misbehave(account, status=429, above=30)
    side_by_side(store, account, lambda: log.census().delivered == 200)
    limited = [one for one in received(account) if one["status"] == 429]
    rate = Throttle(store, account).state().limited_rate
    assert rate is not None
    assert 10 < rate < 30 * 1.1
    assert len(limited) <= 3 * account.concurrency
    assert log.census().dead == 0


def test_single_failures_hold_nothing(store: redis.Redis, kana: KanaAccount) -> None:
    account = kana.model_copy(update={"pumps": 1})
    Log(store, account).append([admission(n, type="identify", traits={}) for n in range(100)])
    misbehave(account, status=503, share=0.05)
    report = pump(store, account)
    assert (report.settled["delivered"], report.held) == (100, "")
    assert Throttle(store, account).state().free


def test_a_destination_that_is_down_sees_probes_only_until_something_is_delivered(
    store: redis.Redis, kable: KableAccount, clock: told.Clock
) -> None:
    throttle = Throttle(store, kable, clock)
    Log(store, kable, clock).append([track(n) for n in range(50)])
    misbehave(kable, status=503)
    assert pump(store, kable, clock).held
    assert set(calls(kable)) == {"create"}
    for wait in (1_000, 2_000, 4_000):
        until = throttle.state().held_until
        assert until == clock.now + wait
        clock.now = until
        assert pump(store, kable, clock).held
        assert calls(kable) == ["authenticate"]
    behave(kable)
    clock.now = throttle.state().held_until or 0
    assert pump(store, kable, clock).settled["delivered"] > 0
    assert calls(kable)[:2] == ["authenticate", "create"]
    assert throttle.state().free


def test_one_of_four_pumps_probes(
    store: redis.Redis, kable: KableAccount, clock: told.Clock
) -> None:
    account = kable.model_copy(update={"pumps": 4})
    Log(store, account, clock).append([track(n) for n in range(200)])
    clock.now = Throttle(store, account, clock).hold("503", None)
    misbehave(account, status=503, delay=0.3)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: pump(store, account, clock, n), range(4)))
    assert calls(account) == ["authenticate"]


def test_after_a_429_one_request_goes_at_a_time_and_no_probe(
    store: redis.Redis, kana: KanaAccount, clock: told.Clock
) -> None:
    throttle = Throttle(store, kana, clock)
    Log(store, kana, clock).append([track(n) for n in range(50)])
    clock.now = throttle.hold("429", None, "throttled")
    misbehave(kana, status=429)
    assert pump(store, kana, clock).requests == 1
    assert [one["status"] for one in received(kana)] == [429]
    assert throttle.state().held_until == clock.now + 2 * FIRST_PAUSE_MS


@contextmanager
def gateway(poison: bytes, status: int) -> Iterator[str]:
    """A partner whose gateway answers so whenever a body holds the poison; its address."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status if poison in body else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("fragile", [False, True])
def test_events_that_always_fail_hold_no_other(fragile: bool, store: redis.Redis) -> None:
    with gateway(b'"poison":true}', 503) as base_url:
        account = kable_at(base_url)
        log, throttle = Log(store, account), Throttle(store, account)
        log.append([track(n, **({} if n % 40 else {"poison": True})) for n in range(100)])
        if fragile:
            throttle.hold("503", None)
            wait_until(lambda: throttle.state().held_until is None)
        more = count(100)
        while log.census().dead < 3:
            log.append([track(next(more))])
            pump(store, account)
        wait_until(lambda: pump(store, account) and log.census().waiting == 0)
    census = log.census()
    assert (census.delivered, census.dead) == (census.accepted - 3, 3)


def test_an_event_that_always_fails_is_blamed_once_another_was_taken(
    store: redis.Redis, clock: told.Clock
) -> None:
    with gateway(b'"number":57}', 500) as base_url:
        account = kable_at(base_url).model_copy(update={"partitions": 2, "pumps": 1})
        log, throttle = Log(store, account, clock), Throttle(store, account, clock)
        log.append([track(57)])
        for _ in range(3):
            clock.now = throttle.hold("503", None)
            assert pump(store, account, clock).settled == {}
        log.append([track(58)])
        clock.now = throttle.state().held_until or 0
        assert pump(store, account, clock).settled == {"delivered": 1, "retry": 1, "bury": 1}
    assert throttle.state().free


def test_no_attempt_is_spent_until_something_is_delivered_after_a_hold(
    store: redis.Redis, kable: KableAccount, clock: told.Clock
) -> None:
    log, throttle = Log(store, kable, clock), Throttle(store, kable, clock)
    log.append([track(n) for n in range(50)])
    throttle.hold("503", None)
    with gateway(b"transactionId", 500) as base_url:
        account = kable.model_copy(update={"base_url": base_url})
        for _ in range(3):
            clock.now = throttle.state().held_until or 0
            assert pump(store, account, clock).settled == {}
    assert (log.census().waiting, throttle.state().failures) == (50, 4)


def test_an_outage_is_noticed_at_slow_traffic_too(store: redis.Redis, kana: KanaAccount) -> None:
    misbehave(kana, status=500)
    log = Log(store, kana)
    for number in range(8):
        log.append([track(number)])
        pump(store, kana, number=number)
    assert (log.census().unconfirmed, log.census().waiting) == (5, 3)
    assert "Kana answered 500" in Throttle(store, kana).state().held_why


def test_what_is_paused_sees_nothing(store: redis.Redis, kable: KableAccount) -> None:
    log = Log(store, kable)
    log.append([track(1)])
    Throttle(store, kable).pause("operator", "month's end")
    assert pump(store, kable) == Report()
    assert (calls(kable), log.append([track(2)]).wake, log.overdue(0)) == ([], False, "nothing")


def test_a_pause_stops_a_pump_that_is_at_work(store: redis.Redis, kana: KanaAccount) -> None:
    Log(store, kana).append([track(n) for n in range(2_000)])
    misbehave(kana, delay=0.05)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pump, store, kana)
        wait_until(lambda: received(kana))
        Throttle(store, kana).pause("operator", "why")
        assert running.result().held == "throttled"


def test_refused_credentials_pause_and_are_remembered(
    store: redis.Redis, kable: KableAccount
) -> None:
    one = lane(store, kable)
    one.log.append([track(1)])
    misbehave(kable, status=401)
    for _ in range(2):
        pump(store, kable)
        state = one.throttle.state()
        assert (state.paused_by, state.paused_cause) == ("relay", "credentials")
        assert "look at api_key and kable_client_id" in state.paused_why
        assert state.credentials == fingerprint(kable, one.log.layout.digest_key)
        one.throttle.resume()
    assert calls(kable) == ["create", "authenticate"]


RELAY = """
store_url = "{store_url}"
[sources.web]
write_key = "w"
destinations = ["kable"]
[destinations.kable]
kind = "kable"
base_url = "{base_url}"
kable_client_id = "kci_0123"
api_key = "{api_key}"
"""


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    environ = {**os.environ, "RELAY_CONFIG": str(folder / "relay.toml")}
    celery = [sys.executable, "-m", "celery", "-A", "workers"]
    with (folder / "output").open("w") as output, ExitStack() as running:
        for role in (["worker", "--concurrency", "1"], ["beat"]):
            process = subprocess.Popen([*celery, *role], env=environ, stdout=output, stderr=output)
            running.enter_context(process)
            running.callback(process.terminate)
        yield


def test_a_new_credential_and_resume_deliver_without_a_restart(
    store: redis.Redis, store_url: str, kable: KableAccount, tmp_path: Path
) -> None:
    def write(api_key: str) -> None:
        written = RELAY.format(store_url=store_url, base_url=kable.base_url, api_key=api_key)
        (tmp_path / "relay.toml").write_text(written)

    log, throttle = Log(store, kable), Throttle(store, kable)
    requests.post(f"{kable.base_url}/_settings", json={"api_key": "sk_test.new"}, timeout=5)
    write("sk_test.old")
    log.append([track(1)])
    with workers(tmp_path):
        wait_until(lambda: throttle.state().paused_cause == "credentials")
        write("sk_test.new")
        throttle.resume()
        wait_until(lambda: log.census().delivered == 1)
