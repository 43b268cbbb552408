"""The relay's processes as `relay dev` runs them, each started again when it dies."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from app.destinations import ACCOUNTS
from app.dev import Options, parts
from app.dev_folder import configure
from app.pump import milliseconds
from app.readiness import answering, obstacles, standing_still
from app.settings import Settings, load
from app.store import connect
from app.supervisor import Part, ending
from tests.processes import free_port, wait_until

CONCURRENCY = 2
UP_WITHIN_S = 60.0
LIFE_MIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended although nobody had killed it."""

    part: str
    how: str
    after_s: float


class Kept:
    """One part and the thread that keeps it; what it writes goes to a file named after it.

    Only the process itself dies when it is killed: what it forked is left to its own devices.
    It stays away for `away_s`.
    """

    def __init__(
        self, part: Part, folder: Path, environ: dict[str, str], away_s: float = 0
    ) -> None:
        self.name = part.name
        self.generation = 0
        self.deaths: list[Death] = []
        self._part = part
        self._folder = folder
        self._environ = environ
        self._away_s = away_s
        self._ends = threading.Event()
        self._changing = threading.Lock()
        self._killed: set[int] = set()
        self._groups: list[int] = []
        self._process = self._started()
        self._thread = threading.Thread(target=self._keep, name=part.name, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._folder / f"{self.name}.log"

    def children(self) -> list[int]:
        """What it has forked; empty when it is just dying."""
        with suppress(OSError):
            listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return [int(word) for word in listed.split()]
        return []

    def orphans(self) -> int:
        """How many of its former generations have left something running."""
        return sum(_lives(group) for group in self._groups[:-1])

    def kill(self) -> int:
        """SIGKILL it; its process id."""
        with self._changing:
            self._killed.add(self._process.pid)
            self._process.kill()
            return self._process.pid

    def end(self) -> None:
        """Kill it and all that its generations forked, for good."""
        with self._changing:
            self._ends.set()
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self._thread.join()

    def _keep(self) -> None:
        while True:
            began, process = time.monotonic(), self._process
            status = process.wait()
            lived = time.monotonic() - began
            with self._changing:
                if self._ends.is_set():
                    return
                if process.pid not in self._killed:
                    self.deaths.append(Death(self.name, ending(status), lived))
            # What cannot live must not take the machine from what can.
            self._ends.wait(max(self._away_s, LIFE_MIN_S - lived))
            with self._changing:
                if self._ends.is_set():
                    return
                self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environ,
                start_new_session=True,
            )
        self.generation += 1
        self._groups.append(process.pid)
        return process


class Plant:
    """All parts, running, with the addresses at which they are found."""

    def __init__(self, folder: Path, workers: int, away_s: float) -> None:
        (folder / "store").mkdir()
        self._options = Options(
            ingest_port=free_port(),
            sandbox_port=free_port(),
            store_port=free_port(),
            folder=folder,
            workers=CONCURRENCY,
        )
        options = self._options
        self._configuration = configure(
            folder, store_port=options.store_port, sandbox_port=options.sandbox_port
        )
        self.settings: Settings = load(ACCOUNTS, path=self._configuration, environ={})
        self.ingest_port = options.ingest_port
        self.sandbox_url = options.sandbox_url
        self.store_url = self.settings.store_url.get_secret_value()
        self.kept: dict[str, Kept] = {}
        self._away_s = away_s
        self._wanted = _several_workers(parts(options, own_store=True), workers)

    @property
    def workers(self) -> list[Kept]:
        return [kept for name, kept in self.kept.items() if name.startswith("worker")]

    @property
    def deaths(self) -> list[Death]:
        return [death for kept in self.kept.values() for death in kept.deaths]

    def start(self) -> None:
        """Return when a delivery can flow."""
        environ = {name: word for name, word in os.environ.items() if "RELAY" not in name}
        environ |= {"RELAY_CONFIG": str(self._configuration), "PYTHONUNBUFFERED": "1"}
        began = milliseconds()
        for part in self._wanted:
            self.kept[part.name] = Kept(part, self._options.folder, environ, self._away_s)
        wait_until(lambda: self.flows(began), within=UP_WITHIN_S)

    def end(self) -> None:
        for kept in self.kept.values():
            kept.end()

    def ready(self) -> bool:
        """Whether ingest would accept an event now."""
        return not any(answering("ingest", f"{self._options.ingest_url}/readyz"))

    def flows(self, since: int) -> bool:
        """Whether a delivery can flow, going by what announced itself since then (ms)."""
        with connect(self.store_url) as store:
            return not (
                any(obstacles(store, self.settings, self._options.ingest_url, since))
                or any(standing_still(store, since))
                or any(answering("sandbox", f"{self._options.sandbox_url}/healthz"))
            )


@contextmanager
def running(folder: Path, workers: int, away_s: float) -> Iterator[Plant]:
    """A plant in a folder of its own; however this ends, no process outlives it."""
    plant = Plant(folder, workers, away_s)
    try:
        plant.start()
        yield plant
    finally:
        plant.end()


def _lives(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def _several_workers(wanted: tuple[Part, ...], workers: int) -> Iterator[Part]:
    for part in wanted:
        if part.name != "worker":
            yield part
            continue
        for number in range(1, workers + 1):
            name = f"worker-{number}"
            yield replace(part, name=name, command=(*part.command, "-n", f"{name}@%h"))
