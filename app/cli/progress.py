"""How far `relay send` is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


class Meter(Protocol):
    """Shows progress beside a command's result."""

    def show(self, sent: int, read: int) -> None:
        """So many events are sent, and so many bytes of the file are done."""

    def say(self, message: str) -> None: ...


@contextmanager
def meter(console: Console, size: int | None) -> Iterator[Meter]:
    """A meter for a file of `size` bytes (None: not known)."""
    if not console.is_terminal:
        yield _Lines(console, size)
        return
    columns = (
        BarColumn(),
        TextColumn("{task.fields[sent]:,} events"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, progress.add_task("", total=size, sent=0, rate=0.0))


def estimate(elapsed_s: float, sent: int, read: int, size: int | None) -> str:
    """Rate and, when the size is known, the time that is left."""
    rate = f"sent {sent:,} events, {sent / max(elapsed_s, 0.001):,.0f}/s"
    if not size or not read:
        return rate
    left_s = elapsed_s * (size - read) / read
    return f"{rate}, {100 * read // size} %, {left_s:,.0f} s left"


class _Lines:
    def __init__(self, console: Console, size: int | None) -> None:
        self._console = console
        self._size = size
        self._began = self._said = time.monotonic()

    def show(self, sent: int, read: int) -> None:
        now = time.monotonic()
        if now - self._said >= LINE_EVERY_S:
            self._said = now
            self.say(estimate(now - self._began, sent, read, self._size))

    def say(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._began = time.monotonic()

    def show(self, sent: int, read: int) -> None:
        rate = sent / max(time.monotonic() - self._began, 0.001)
        self._progress.update(self._task, completed=read, sent=sent, rate=rate)

    def say(self, message: str) -> None:
        self._progress.console.print(message, highlight=False, markup=False, soft_wrap=True)
