"""`relay reconcile`: what was delivered, and what is in doubt, beside the destinations' count."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
import requests
from typer.testing import CliRunner

from app.append import Admission
from app.cli import relay as relay_command
from app.client import Client
from app.destinations import ACCOUNTS, KINDS
from app.lane import Lane
from app.log import Log
from app.pump import Pump
from app.settings import DestinationSettings, load
from app.throttle import Throttle
from app.wake import Wakes
from tests.processes import free_port, sandbox


@dataclass(frozen=True)
class Relay:
    """The configuration of a relay with both destinations, and what it delivers to."""

    environ: dict[str, str]
    store: redis.Redis
    sandbox: str

    def account(self, destination: str) -> DestinationSettings:
        return load(ACCOUNTS, environ=self.environ).destinations[destination]

    def deliver(self, destination: str, *events: dict[str, object]) -> None:
        """Accept the events and pump them."""
        account = self.account(destination)
        log = Log(self.store, account)
        log.append([_admission(event) for event in events])
        throttle, wakes = Throttle(self.store, account), Wakes(self.environ["RELAY_BROKER_URL"])
        with closing(Client(KINDS[account.kind], account)) as client:
            Pump(
                Lane(KINDS[account.kind], account, log, throttle, client, wakes), token="pump"
            ).run()

    def misbehave(self, destination: str, **answer: object) -> None:
        url = f"{self.sandbox}/{destination}/_answers"
        requests.post(url, json=answer, timeout=5).raise_for_status()

    def behave(self, destination: str) -> None:
        url = f"{self.sandbox}/{destination}/_answers"
        requests.delete(url, timeout=5).raise_for_status()

    def reconcile(self, *words: str, **environ: str) -> tuple[int, Any]:
        """The exit code, and what is shown of the destinations."""
        asked = ["reconcile", *words, "--json"]
        ended = CliRunner().invoke(relay_command, asked, env={**self.environ, **environ})
        return ended.exit_code, json.loads(ended.stdout)["items"] if ended.stdout else ended.stderr


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield running


@pytest.fixture
def relay(address: str, store: redis.Redis, store_url: str) -> Relay:
    for partner in ("kable", "kana"):
        requests.delete(f"{address}/{partner}/_state", timeout=5).raise_for_status()
    environ = {
        "RELAY_STORE_URL": store_url,
        "RELAY_BROKER_URL": store_url.replace("/0", "/1"),
        "RELAY_SOURCES__web__WRITE_KEY": "key",
        "RELAY_SOURCES__web__DESTINATIONS": '["kable", "kana"]',
        "RELAY_DESTINATIONS__kable__KIND": "kable",
        "RELAY_DESTINATIONS__kable__BASE_URL": f"{address}/kable",
        "RELAY_DESTINATIONS__kable__API_KEY": "sk_test.abcdefgh.secret",
        "RELAY_DESTINATIONS__kable__KABLE_CLIENT_ID": "kci_0123",
        "RELAY_DESTINATIONS__kable__RECONCILE_DIMENSION": "number",
        "RELAY_DESTINATIONS__kable__RETRY__WAIT_INITIAL": "15m",
        "RELAY_DESTINATIONS__kana__KIND": "kana",
        "RELAY_DESTINATIONS__kana__BASE_URL": f"{address}/kana",
        "RELAY_DESTINATIONS__kana__API_KEY": "prv_test_0123456789abcdef0123456789abcdef",
    }
    return Relay(environ, store, address)


def call(number: int, user: str = "u1", **more: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Call",
        "messageId": f"m-{number}",
        "userId": user,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"number": number, "featureId": "calls", **more},
    }


def _admission(event: dict[str, object]) -> Admission:
    message_id, user = str(event["messageId"]), str(event["userId"])
    return Admission(message_id, "web", user, json.dumps(event).encode())


def test_what_kable_counts_as_delivered_differs_in_nothing(relay: Relay) -> None:
    relay.deliver("kable", *(call(number, f"u{number % 3}") for number in range(30)))
    code, (kable,) = relay.reconcile("kable")
    assert (code, len(kable["days"])) == (0, 7)
    assert kable["total"] == {
        "accepted": 30,
        "delivered": 30,
        "unfinished": 0,
        "dead": 0,
        "counted": 30,
        "difference": 0,
        "meaning": "",
    }
    code, (kable,) = relay.reconcile("kable", "--user", "u2")
    assert (code, sum(period["counted"] for period in kable["periods"])) == (0, 10)


def test_what_kable_took_and_lost_is_missing_from_its_count(relay: Relay) -> None:
    relay.misbehave("kable", status=200, effect=False)
    relay.deliver("kable", *(call(number) for number in range(10)))
    relay.behave("kable")
    code, (kable,) = relay.reconcile("kable")
    total = kable["total"]
    assert (code, total["delivered"], total["counted"], total["difference"]) == (1, 10, 0, -10)
    assert total["meaning"].startswith("10 that it took are not counted")


def test_what_kable_has_though_its_answer_was_lost_is_explained(relay: Relay) -> None:
    relay.misbehave("kable", mode="reset", effect=True)
    relay.deliver("kable", call(1), call(2))
    code, (kable,) = relay.reconcile("kable")
    assert (code, "no complete answer" in kable["error"]) == (3, True)
    relay.behave("kable")
    code, (kable,) = relay.reconcile("kable")
    assert (code, kable["total"]["unfinished"], kable["total"]["difference"]) == (1, 2, 2)
    assert kable["total"]["meaning"] == "may have some of 2 whose delivery was not confirmed"


def test_unconfirmed_usage_stands_beside_kanas_own_count(relay: Relay) -> None:
    relay.misbehave("kana", mode="reset", effect=True, times=2)
    relay.deliver("kana", call(1, delta=10), call(2, delta=5), call(3, delta=2))
    code, (kana,) = relay.reconcile("kana", "--unconfirmed")
    (group,) = kana["unconfirmed"]
    (period,) = group["periods"]
    assert (code, group["user"], group["feature"]) == (1, "u1", "calls")
    assert (group["letters"], group["delta"], period["counted"]) == (2, 15, 17)
    code, (kana,) = relay.reconcile("--user", "u1", "--feature", "calls")
    assert (code, kana["periods"]) == (0, [period])


def test_without_doubts_nothing_is_asked_and_nothing_is_wrong(relay: Relay) -> None:
    assert relay.reconcile("kana") == (0, [{"id": "kana", "unconfirmed": []}])
    received = requests.get(f"{relay.sandbox}/kana/_received", timeout=5).json()
    assert received == {"requests": []}


def test_without_a_dimension_it_says_what_to_set(relay: Relay) -> None:
    name = "RELAY_DESTINATIONS__kable__RECONCILE_DIMENSION"
    environ = {key: value for key, value in relay.environ.items() if key != name}
    code, (kable,) = Relay(environ, relay.store, relay.sandbox).reconcile("kable")
    assert code == 1
    assert "set destinations.kable.reconcile_dimension" in kable["error"]


@pytest.mark.parametrize(
    "words",
    [
        ("elsewhere",),
        ("kable", "--unconfirmed"),
        ("kable", "--feature", "calls"),
        ("kana", "--user", "u1"),
        ("kana", "--since", "2026-05-01"),
        ("kana", "--until", "2026-05-01", "--user", "u1", "--feature", "calls"),
        ("kable", "--since", "2026-02-02", "--until", "2026-02-01"),
        ("kable", "--since", "2020-01-01"),
        ("kable", "--until", "2999-01-01"),
        ("kable", "--since", "yesterday"),
    ],
)
def test_what_cannot_be_asked_is_wrong_use(relay: Relay, words: tuple[str, ...]) -> None:
    code, said = relay.reconcile(*words)
    assert (code, "xpected" in said or "does not match" in said) == (2, True)


def test_a_store_or_a_destination_that_is_away_ends_with_3(relay: Relay) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    away = {"RELAY_DESTINATIONS__kable__BASE_URL": f"http://{nowhere}"}
    code, (kable,) = relay.reconcile("kable", **away)
    assert (code, "was not reached" in kable["error"]) == (3, True)
    code, said = relay.reconcile("kable", RELAY_STORE_URL=f"redis://{nowhere}/0")
    assert (code, "the store does not answer" in said) == (3, True)
