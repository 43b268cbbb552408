"""Mends what names dead letters by user and by event where an older release has left it wrong."""

from typing import Final

import redis

from app.clock import Clock
from app.scripts import Argument, Scripts

EVERY_MS: Final = 3_600_000
LOOKED_AT_ONCE: Final = 50
PIECES: Final = 10
FIRST: Final[tuple[Argument, ...]] = (-1, "", "")
LAST: Final = (b"end", b"end", b"end")


class Reindexing:
    """Looks through all letters of one destination when it begins, and once an hour.

    Sets that name as many letters as there are are trusted, so that what a worker of an older
    release did beside newer ones could else hide a letter for good.
    """

    def __init__(self, store: redis.Redis, destination: str, clock: Clock | None = None) -> None:
        self._scripts = Scripts(store, destination, clock)
        self._after: tuple[Argument, ...] = FIRST
        self._due, self._mended = 0, 0

    def step(self) -> int:
        """Look at the next letters; how many names a look through all has mended, as it ends."""
        if self._scripts.now() < self._due:
            return 0
        for _ in range(PIECES):
            mended, *after = self._scripts.run("reindex", LOOKED_AT_ONCE, *self._after)
            self._after = tuple(after)
            self._mended += mended
            if self._after == LAST:
                return self._ended()
        return 0

    def _ended(self) -> int:
        mended, self._mended = self._mended, 0
        self._after, self._due = FIRST, self._scripts.now() + EVERY_MS
        return mended
