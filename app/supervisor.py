"""Keeps processes running: starts again what dies, passes on its lines, ends it when told."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

WAIT_INITIAL_S = 0.2
WAIT_MAX_S = 10.0
LIFE_S = 10.0
LAST_WORDS_S = 1.0
LOOK_S = 0.1

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep: the name under which it writes, and its command."""

    name: str
    command: tuple[str, ...]


def wait_before_restart(former: float, lived: float) -> float:
    """Seconds to wait after a life of `lived` seconds that a wait of `former` came before."""
    if lived >= LIFE_S or former == 0:
        return WAIT_INITIAL_S
    return min(former * 2, WAIT_MAX_S)


def ending(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


class Supervisor:
    """Keeps parts running until they are told to end; no way of ending it leaves orphans.

    `say(name, line)` receives every line that a part writes and what becomes of it; it is called
    from one thread per part. The parts run in `directory`. File descriptors in `held` stay open
    until the last process is gone.
    """

    def __init__(
        self, directory: Path, environ: Mapping[str, str], say: Say, held: Sequence[int] = ()
    ) -> None:
        self._place = _Place(
            directory, dict(environ, PYTHONUNBUFFERED="1"), _Guard(directory, held)
        )
        self._say = say
        self._hurried = False
        self._kept: dict[str, _Kept] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(*self._kept, grace=0)
        self._place.guard.close()

    def start(self, part: Part) -> None:
        self._kept[part.name] = _Kept(part, self._place, self._say)

    def end(self, *names: str, grace: float) -> None:
        """Ask these parts together to end; kill what still runs after `grace` seconds."""
        kept = [self._kept.pop(name) for name in names if name in self._kept]
        for one in kept:
            one.ask()
        deadline = time.monotonic() + grace
        for one in kept:
            while not one.ended_within(LOOK_S):
                if self._hurried or time.monotonic() > deadline:
                    self._say(one.name, "did not end in time and is killed")
                    one.kill()

    def hurry(self) -> None:
        """Let no end wait any longer; may be called from a signal handler."""
        self._hurried = True


@dataclass(frozen=True, slots=True)
class _Place:
    """What all processes of a supervisor share."""

    directory: Path
    environ: Mapping[str, str]
    guard: "_Guard"


class _Kept:
    """One part and the thread that keeps it."""

    def __init__(self, part: Part, place: _Place, say: Say) -> None:
        self.name = part.name
        self._part = part
        self._place = place
        self._say = say
        self._told_to_end = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=part.name, daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """SIGTERM for the process only: what it forked takes its orders from it."""
        with self._starting:
            self._told_to_end.set()
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL for the process and all that it forked."""
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process.pid)

    def ended_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _keep(self) -> None:
        wait = 0.0
        while not self._told_to_end.is_set():
            began = time.monotonic()
            how = self._live()
            lived = time.monotonic() - began
            if self._told_to_end.is_set():
                return
            wait = wait_before_restart(wait, lived)
            self._say(self.name, f"{how} after {lived:.1f} s; starts again in {wait:g} s")
            self._told_to_end.wait(wait)

    def _live(self) -> str:
        """Run it once and say how it ended."""
        try:
            process = self._started()
        except OSError as error:
            return f"cannot start: {error}"
        if process is None:
            return "not started"
        words = threading.Thread(target=self._pass_on, args=(process.stdout,), daemon=True)
        words.start()
        status = process.wait()
        _kill_group(process.pid)
        self._place.guard.withdraw(process.pid)
        words.join(LAST_WORDS_S)
        return ending(status)

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self._starting:
            if self._told_to_end.is_set():
                return None
            # A session of its own: the terminal's Ctrl-C and hang-up reach the supervisor alone.
            self._process = subprocess.Popen(  # noqa: S603 - the commands are the caller's own
                self._part.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._place.directory,
                env=self._place.environ,
                start_new_session=True,
            )
            self._place.guard.announce(self._process.pid)
            return self._process

    def _pass_on(self, written: IO[bytes]) -> None:
        with written:
            for line in written:
                self._say(self.name, line.decode(errors="replace").rstrip())


class _Guard:
    """The process that outlives a supervisor which was killed, and ends what it kept."""

    def __init__(self, directory: Path, held: Sequence[int]) -> None:
        told, self._tell = os.pipe()
        self._process = subprocess.Popen(
            (sys.executable, "-m", "app.guard"),
            stdin=told,
            cwd=directory,
            start_new_session=True,
            pass_fds=held,
        )
        os.close(told)

    def announce(self, group: int) -> None:
        self._write(f"+{group}\n")

    def withdraw(self, group: int) -> None:
        self._write(f"-{group}\n")

    def close(self) -> None:
        os.close(self._tell)
        self._process.wait()

    def _write(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._tell, line.encode())


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
