"""Looks at the log all the time: how long the oldest delivery has waited, and when it is empty."""

import threading
import time
from types import TracebackType
from typing import Self

import redis

from app.log import Census, Log
from app.pump import milliseconds

LOOK_EVERY_S = 0.2


class Watch:
    """Keeps the longest stall seen (s) while it runs."""

    def __init__(self, log: Log) -> None:
        self.longest_stall_s = 0.0
        self._log = log
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()

    def drained(self, began: float, within_s: float) -> float | None:
        """The seconds from `began` until nothing waited nor was to be retried; None if that did
        not come.
        """
        while time.monotonic() - began < within_s:
            census = self._census()
            if census is not None and census.waiting == census.retrying == 0:
                return time.monotonic() - began
            time.sleep(LOOK_EVERY_S)
        return None

    def _look(self) -> None:
        while not self._ends.wait(LOOK_EVERY_S):
            census = self._census()
            if census is not None and census.oldest_ms is not None:
                stall_s = (milliseconds() - census.oldest_ms) / 1000
                self.longest_stall_s = max(self.longest_stall_s, stall_s)

    def _census(self) -> Census | None:
        """None while the store is away."""
        try:
            return self._log.census()
        except redis.RedisError:
            return None
