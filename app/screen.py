"""The terminal of `relay dev`: lines under the names of their parts."""

import os
import threading
from collections.abc import Callable
from typing import TextIO

COLOURS = {"store": 35, "sandbox": 33, "ingest": 36, "worker": 32, "beat": 34, "relay": 1}
WIDTH = max(map(len, COLOURS))


class Screen:
    """Takes whole lines from any thread; in colour on a terminal, unless NO_COLOR is set.

    When its reader or terminal goes away it calls `gone`, and shows nothing from then on.
    """

    def __init__(self, stream: TextIO, gone: Callable[[], None]) -> None:
        self._stream = stream
        self._gone = gone
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._one_at_a_time = threading.Lock()

    def say(self, name: str, line: str) -> None:
        if line:
            self.show(f"{self._prefix(name)} {line}\n")

    def show(self, words: str) -> None:
        with self._one_at_a_time:
            try:
                self._stream.write(words)
                self._stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
                self._gone()

    def _prefix(self, name: str) -> str:
        prefix = f"{name:{WIDTH}} |"
        return f"\033[{COLOURS.get(name, 0)}m{prefix}\033[0m" if self._coloured else prefix
