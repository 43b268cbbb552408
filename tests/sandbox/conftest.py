"""A sandbox in its own process, and a session that speaks to its Kable as an SDK would."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.kana_session import Account as KanaAccount

WAIT_SECONDS = 10
PAUSE_SECONDS = 0.02


class Account(requests.Session):
    """A session below one address, with a valid account's headers."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.trust_env = False
        self._address = address
        self.headers["KABLE-CLIENT-ID"] = "kci_0123456789abcdef"
        self.headers["KABLE-CLIENT-SECRET"] = "sk_test.abcdefgh.secret"

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        options.setdefault("timeout", WAIT_SECONDS)
        return super().request(method, f"{self._address}{url!s}", *args, **options)


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for what runs beside the test; fails when it has not come true in ten seconds."""

    def wait(happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"not true within {WAIT_SECONDS} s"
            time.sleep(PAUSE_SECONDS)

    return wait


@pytest.fixture(scope="session")
def port(wait_until: Callable[[Callable[[], bool]], None]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "app.sandbox", "--port", str(number)]
    with subprocess.Popen(command) as process:
        wait_until(lambda: process.poll() is not None or alive(number))
        assert process.poll() is None, f"the sandbox ended with {process.poll()}"
        yield number
        process.terminate()


@pytest.fixture
def kable(port: int) -> Iterator[requests.Session]:
    """Kable as new: nothing received, nothing billed, no settings, no misbehaviour."""
    with Account(f"http://127.0.0.1:{port}/kable") as account:
        account.delete("/_state").raise_for_status()
        yield account


@pytest.fixture
def kana(port: int) -> Iterator[KanaAccount]:
    """Kana as new: no users, no usage, no settings, no misbehaviour."""
    with KanaAccount(f"http://127.0.0.1:{port}/kana") as account:
        account.delete("/_state").raise_for_status()
        yield account


def alive(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=1).ok
    except requests.ConnectionError:
        return False
