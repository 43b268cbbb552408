"""One part of a plant: started again when it dies, killed, frozen or kept away on demand."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.supervisor import Part, ending

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


def _lives(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False
