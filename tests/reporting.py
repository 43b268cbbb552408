"""A pretend Sentry, the relay's processes that report to it, and what nobody may see there."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.processes import free_port

CANARIES = {
    "user": "customer-canary",
    "email": "ann.canary@example.com",
    "write key": "wk_canary",
    "api key": "sk_test.canary.secret",
    "bearer": "token-canary",
    "cookie": "cookie-canary",
    "value": "Platinum Canary",
    "message id": "m-canary-1",
    "query": "query-canary",
}

FAULTY = "tests.faulty"


def canaries_in(text: str) -> list[str]:
    return [name for name, canary in CANARIES.items() if canary in text]


class Sentry(ThreadingHTTPServer):
    """Keeps each envelope as it came: its header, then the headers and payloads of its items."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Envelopes)
        self.envelopes: list[str] = []
        self.dsn = f"http://public@127.0.0.1:{self.server_port}/1"

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for one in self.envelopes for line in one.splitlines() if line]
        return [line for line in lines if "platform" in line]

    @property
    def messages(self) -> list[str]:
        return [event.get("message", "") for event in self.events]


class _Envelopes(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.envelopes.append(body.decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It is silent."""


@contextmanager
def sentry() -> Iterator[Sentry]:
    with Sentry() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Processes:
    """The processes of the Procfile; each writes all that it says to a file of its name."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.ports = {name: free_port() for name in ("ingest", "console")}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._folder = folder
        self._environ = {
            **{name: value for name, value in os.environ.items() if "RELAY" not in name},
            "RELAY_SOURCES__web__WRITE_KEY": CANARIES["write key"],
            "RELAY_SOURCES__web__DESTINATIONS": "kable",
            "RELAY_DESTINATIONS__kable__KIND": "kable",
            "RELAY_DESTINATIONS__kable__API_KEY": CANARIES["api key"],
            "RELAY_DESTINATIONS__kable__KABLE_CLIENT_ID": "kci_0123",
            "RELAY_OPERATORS__ann__TOKEN": CANARIES["bearer"],
            **environ,
        }

    def url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def start(self, *names: str) -> None:
        for name in names:
            with (self._folder / name).open("ab") as output:
                self.running[name] = subprocess.Popen(
                    [sys.executable, "-m", *self._command(name)],
                    env=self._environ,
                    stdout=output,
                    stderr=output,
                )

    def _command(self, name: str) -> list[str]:
        if name in self.ports:
            served = f"{FAULTY}:{name}"
            words = f"uvicorn --factory {served} --port {self.ports[name]} --no-access-log"
            return words.split()
        alone = "--concurrency 1 --without-gossip --without-mingle" if name == "worker" else ""
        return f"celery --quiet -A {FAULTY} {name} {alone}".split()

    def said(self, name: str) -> str:
        return (self._folder / name).read_text()

    def end(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(30)


@contextmanager
def processes(folder: Path, environ: Mapping[str, str]) -> Iterator[Processes]:
    with ExitStack() as stack:
        started = Processes(folder, environ)
        stack.callback(started.end)
        yield started
