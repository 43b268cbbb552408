"""The processes of the Procfile together, with a real Segment SDK at one end and the sandbox at
the other."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from segment import analytics

from app.figures import figures
from app.history import samples
from app.log import Log
from app.pipeline import HOUR_MS, pipeline
from app.settings import DestinationSettings
from tests.processes import free_port, http_answers, sandbox, wait_until

PROCFILE = Path(__file__).parents[2] / "Procfile"
EVENTS = 10_000
USERS = 500

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def kable() -> Iterator[str]:
    with sandbox() as address:
        yield f"{address}/kable"


@pytest.fixture
def ingest(store: redis.Redis, store_url: str, kable: str, tmp_path: Path) -> Iterator[str]:
    """The Procfile, run by honcho, configured by the environment alone; ingest's address."""
    store.ping()
    port = free_port()
    environ = {
        **os.environ,
        "PORT": str(port),
        "WORKERS": "2",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CONSOLE_PORT": str(free_port()),
        "RELAY_OPERATORS__ops__TOKEN": "token",
        "RELAY_STORE_URL": store_url,
        "RELAY_SOURCES__web__WRITE_KEY": "key",
        "RELAY_SOURCES__web__DESTINATIONS": "kable",
        "RELAY_DESTINATIONS__kable__KIND": "kable",
        "RELAY_DESTINATIONS__kable__BASE_URL": kable,
        "RELAY_DESTINATIONS__kable__API_KEY": "sk_test.abcdefgh.secret",
        "RELAY_DESTINATIONS__kable__KABLE_CLIENT_ID": "kci_0123",
    }
    command = [sys.executable, "-m", "honcho", "-f", PROCFILE, "-d", PROCFILE.parent, "start"]
    with (tmp_path / "log").open("w") as log:
        honcho = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    wait_until(lambda: http_answers(f"http://127.0.0.1:{port}/readyz"))
    yield f"http://127.0.0.1:{port}"
    honcho.send_signal(signal.SIGTERM)
    honcho.wait(30)


def usage(kable: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = requests.get(f"{kable}/_usage", timeout=10).json()["items"]
    return items


def test_what_the_python_sdk_sends_arrives_once_in_arrays_and_in_each_users_order(
    ingest: str, kable: str, store: redis.Redis
) -> None:
    failed: list[object] = []
    client = analytics.Client("key", host=ingest, max_queue_size=EVENTS, on_error=failed.append)
    for number in range(EVENTS):
        client.track(f"user-{number % USERS}", "API Called", {"number": number})
    client.shutdown()
    wait_until(lambda: len(usage(kable)) == EVENTS, within=60)

    numbers = defaultdict(list)
    for item in usage(kable):
        data = item["data"]
        assert isinstance(data, dict)
        numbers[item["clientId"]].append(data["number"])
    assert numbers == {f"user-{u}": list(range(u, EVENTS, USERS)) for u in range(USERS)}
    received = requests.get(f"{kable}/_received", params={"limit": 10_000}, timeout=10).json()
    arrays = [json.loads(request["body"]) for request in received["requests"]]
    assert all(isinstance(array, list) for array in arrays)
    assert sum(map(len, arrays)) == EVENTS
    assert max(map(len, arrays)) > 1
    assert failed == []
    log = Log(store, DestinationSettings(id="kable", kind="kable"))
    wait_until(lambda: log.census().delivered == EVENTS)
    assert (log.census().unaccounted, log.sweep()) == (0, 0)

    found = pipeline(store, "kable", log.now() - HOUR_MS, log.now() + HOUR_MS)
    assert [(one.event, one.numbers.received) for one in found.events] == [
        ("track:API Called", EVENTS)
    ]
    assert figures(store, "kable").latency["live"].count == EVENTS
    wait_until(lambda: samples(store, "kable"))
