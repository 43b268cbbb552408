"""Parts of pages that follow the store, and readings of it that all open pages share."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

import redis
import structlog
from nicegui import background_tasks, ui

from app.console.faults import told
from app.console.widgets import nothing
from app.faults import named

Found = TypeVar("Found")

FIRST_S: Final = 0.15
TICK_S: Final = 1.0
AWAY_S: Final = 3.0
REST: Final = 20
READINGS_MAX: Final = 50

_log = structlog.get_logger(__name__)


class Shared:
    """Each reading is made once at a time, and kept for 20 times as long as it took.

    So however many pages show it, they keep store and process busy for a twentieth at most.
    """

    def __init__(self) -> None:
        self._readings: OrderedDict[Hashable, tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def of(self, key: Hashable, read: Callable[[], Found]) -> Found:
        """What `read` gave under this key, lately or now."""
        until, task = self._readings.get(key, (0.0, None))
        if task is None or (task.done() and (time.monotonic() >= until or _failed(task))):
            task = asyncio.create_task(self._read(key, read))
            self._readings[key] = (0.0, task)
            while len(self._readings) > READINGS_MAX:
                self._readings.popitem(last=False)
        found: Found = await asyncio.shield(task)
        return found

    def forget(self, key: Hashable) -> None:
        """Read anew the next time, for something was changed."""
        self._readings.pop(key, None)

    async def _read(self, key: Hashable, read: Callable[[], Found]) -> Found:
        began = time.monotonic()
        found: Found = await asyncio.to_thread(read)
        took = time.monotonic() - began
        kept = self._readings.get(key)
        if kept is not None:
            self._readings[key] = (time.monotonic() + REST * took, kept[1])
        return found


class Live(Generic[Found]):
    """A part of a page: shows what `read` gives, and again when it gives something else.

    `again` tells after how many seconds to read once more; None for no more. With `anew` what was
    shown is taken away first, without it `show` changes what it made. What fails is tried again
    until it is well, and what was shown before stays: the banner says that the store is away, and
    this that something broke.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Found]],
        show: Callable[[Found], None],
        again: Callable[[Found], float | None] = lambda _: None,
        *,
        anew: bool = True,
    ) -> None:
        self._anew = anew
        self._read, self._show, self._again = read, show, again
        self._shown: list[Found] = []
        self._failed = ""
        self._due: float | None = None
        self._looking = asyncio.Lock()

    async def begin(self) -> "Live[Found]":
        """Make it here. What takes longer than a moment comes after the page."""
        self._fault = ui.label().classes("relay-fault").props("role=status")
        self._fault.set_visibility(False)
        self._place = ui.column().classes("relay-part")
        with self._place:
            nothing("Reading…")
        first = background_tasks.create(self.look())
        await asyncio.wait({first}, timeout=FIRST_S)
        ui.timer(TICK_S, self._tick, immediate=False)
        return self

    async def look(self) -> None:
        """Read now."""
        async with self._looking:
            try:
                self._tell(await self._read())
            except Exception as fault:  # noqa: BLE001 - a page goes on when a reading is odd
                self._say(fault)

    async def _tick(self) -> None:
        if self._due is not None and time.monotonic() >= self._due:
            await self.look()

    def _tell(self, found: Found) -> None:
        wait = self._again(found)
        self._due = None if wait is None else time.monotonic() + wait
        if self._place.is_deleted:
            return
        if self._shown != [found]:
            if self._anew or not self._shown:
                self._place.clear()
                self._shown = []
            with self._place:
                self._show(found)
            self._shown = [found]
        self._failed = ""
        self._fault.set_visibility(False)

    def _say(self, fault: Exception) -> None:
        self._due = time.monotonic() + AWAY_S
        is_away = isinstance(fault, redis.RedisError)
        if not is_away and self._failed != named(fault):
            self._failed = named(fault)
            _log.error("page.failed", exc_info=fault)
        if self._place.is_deleted or (is_away and self._shown):
            return
        if not self._shown:
            self._place.clear()
        self._fault.set_text(told(fault))
        self._fault.set_visibility(True)


def _failed(task: "asyncio.Task[Any]") -> bool:
    return task.cancelled() or task.exception() is not None
