"""Looks at the log all the time: how long the oldest delivery has waited, and when it is empty."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from app.clock import milliseconds
from app.ledger import Census
from app.log import Log
from tests.chaos.beside import beside

LOOK_EVERY_S = 0.2


class Watch:
    """Keeps the longest stall seen (s)."""

    def __init__(self, log: Log) -> None:
        self.longest_stall_s = 0.0
        self._log = log

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

    def look(self, ends: threading.Event) -> None:
        while not ends.wait(LOOK_EVERY_S):
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


@contextmanager
def watching(log: Log) -> Iterator[Watch]:
    watch = Watch(log)
    with beside("watch", watch.look):
        yield watch
