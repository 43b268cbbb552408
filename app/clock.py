"""The time that decisions are made by: ms since the epoch, as an argument wherever it counts."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def milliseconds() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000
