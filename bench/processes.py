"""The processes of a measurement: started on free ports, frozen, and gone at the end, always."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]
LOOK_S = 0.01
LAST_WORDS = 1_500


class FailedError(Exception):
    """A measurement has no result; the message says what was expected and what came."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """Processes that write to files in `folder`, each in a session of its own.

    However this process ends, by SIGKILL too, the guard then kills them and all they forked.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        guard = (sys.executable, "-m", "app.guard")
        self._guard = subprocess.Popen(
            guard, stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._guard.stdin:
            self._guard.stdin.close()
        for process in (*self._running.values(), self._guard):
            process.wait()

    def start(self, name: str, command: Sequence[str]) -> None:
        with (self._folder / name).open("wb") as written:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environ,
                start_new_session=True,
            )
        self._running[name] = process
        self._tell_guard(process.pid)

    def end(self, name: str) -> None:
        """Kill it and what it forked."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_until(self, true: Callable[[], object], what: str, within: float) -> None:
        """Raises FailedError when it does not come true within so many seconds."""
        end = time.monotonic() + within
        while not true():
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise FailedError(f"{name} has ended:\n{self._last_words(name)}")
            if time.monotonic() > end:
                words = "\n".join(f"{name}: {self._last_words(name)}" for name in self._running)
                raise FailedError(f"expected {what} within {within:g} s\n{words}")
            time.sleep(LOOK_S)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """The process and what it forked stand still."""
        group = self._running[name].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def _tell_guard(self, group: int) -> None:
        if self._guard.stdin:
            self._guard.stdin.write(f"+{group}\n".encode())
            self._guard.stdin.flush()

    def _last_words(self, name: str) -> str:
        return (self._folder / name).read_text(errors="replace")[-LAST_WORDS:]
