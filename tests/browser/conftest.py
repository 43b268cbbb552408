"""The console in a real browser: on a store that tests fill, or in front of a whole relay.

Without a Chromium these tests are skipped; where CI is set, they fail.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import redis
import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from app.clock import milliseconds
from app.destinations import ACCOUNTS
from app.dev import parts
from app.presence import Worker, announce, announce_tick
from app.settings import Settings, load
from app.wake import queue_name
from tests.chaos.plant import Plant, started
from tests.processes import console as running_console
from tests.processes import http_answers, wait_until
from tests.sdks.browser import BROWSERS, FLAGS
from tests.sdks.installed import found

HERE = Path(__file__).parent
PATIENCE_MS = 20_000
OPERATOR, VIEWER = "dev", "viewer"
SETTINGS = """
store_url = "{store_url}"
environment = "test"

[sources.dev]
write_key = "dev"
webhook_secret = "dev"
destinations = ["kable", "kana"]

[operators.dev]
token = "dev"

[operators.viewer]
token = "viewer"
read_only = true

[destinations.kable]
kind = "kable"
base_url = "http://127.0.0.1:9/kable"
api_key = "sk_test.developm.00000000000000000000000000000000"
kable_client_id = "kci_00000000000000000000000000000000"

[destinations.kana]
kind = "kana"
base_url = "http://127.0.0.1:9/kana"
api_key = "prv_test_00000000000000000000000000000000"
"""

Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright leaves an event loop running, beside which others start none: it comes last."""
    items.sort(key=lambda item: HERE in item.path.parents)


@dataclass(frozen=True, slots=True)
class Console:
    """A console on the store that tests fill, with the settings that it began with."""

    address: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Relay:
    """A whole relay with its own store: addresses of its parts, and settings as of relay dev."""

    console: str
    ingest: str
    sandbox: str
    settings: Settings
    store: redis.Redis

    def send(self, **event: object) -> None:
        """An event, accepted; with it goes what a track call lacks, so that all deliver it."""
        usage = {"featureId": "calls", "delta": 1}
        told = {"type": "track", "userId": "customer-1", "event": "API Called"}
        told |= {"properties": usage, **event}
        url = f"{self.ingest}/v1/track"
        assert requests.post(url, json=told, auth=("dev", ""), timeout=10).ok

    def answers(self, partner: str, **how: object) -> None:
        """The partner misbehaves from now on (docs/sandbox.md); with nothing it is well again."""
        url = f"{self.sandbox}/{partner}/_answers"
        call = requests.post if how else requests.delete
        assert call(url, json=how or None, timeout=10).ok


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = found(*BROWSERS)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def console(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    path = tmp_path_factory.mktemp("console") / "relay.toml"
    path.write_text(SETTINGS.format(store_url=store_url))
    with running_console(path) as address:
        yield Console(address, load(ACCOUNTS, path=path, environ={}))


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """Who uses it leaves it as it was: partners well, destinations resumed."""
    folder, began = tmp_path_factory.mktemp("relay"), milliseconds()
    plant = Plant(folder, workers=1, system=partial(parts, own_store=True))
    with (
        started(plant, lambda: plant.flows(began)),
        redis.Redis.from_url(plant.store_url) as store,
    ):
        wait_until(lambda: http_answers(f"{plant.console_url}/healthz"))
        ingest = f"http://127.0.0.1:{plant.ingest_port}"
        yield Relay(plant.console_url, ingest, plant.sandbox_url, plant.settings, store)


@pytest.fixture
def attended(store: redis.Redis, console: Console) -> None:
    """Workers and beat seem to be there, so that nothing is wrong but what a test makes so."""
    queues = [queue_name(account.queue) for account in console.settings.destinations.values()]
    announce(store, Worker("celery@test", 4), queues, milliseconds())
    announce_tick(store, milliseconds())


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """What went wrong in the browser: nothing may be left of it when a test ends."""
    seen: list[str] = []
    yield seen
    assert seen == []


@pytest.fixture
def visit(browser: Browser, faults: list[str]) -> Iterator[Visit]:
    """Log in at an address, in a browser of its own: `visit(address, token=, **context)`."""
    with ExitStack() as stack:

        def visited(address: str, token: str = OPERATOR, **context: object) -> Page:
            made = browser.new_context(base_url=address, **context)
            stack.callback(made.close)
            made.set_default_timeout(PATIENCE_MS)
            made.request.post("/login", form={"token": token}, max_redirects=0)
            page = made.new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", partial(_noted, faults))
            return page

        yield visited


@pytest.fixture
def page(store: redis.Redis, console: Console, visit: Visit) -> Page:  # noqa: ARG001 - flushed
    """Logged in at the console on the empty store, and nowhere yet."""
    return visit(console.address)


def _noted(faults: list[str], message: ConsoleMessage) -> None:
    if message.type == "error":
        faults.append(message.text)
