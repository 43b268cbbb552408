"""The throttle of one destination, shared by all workers: its rate, and holds after failures."""

from dataclasses import dataclass
from datetime import timedelta

import redis

from app.clock import Clock
from app.scripts import Scripts
from app.settings import DestinationSettings

TICK_MS = 1_000
FIRST_HOLD_MS = 1_000
LONGEST_HOLD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may be sent now; with less than was asked for, when to ask for more."""

    granted: int
    wait_ms: int
    failures: int


class Throttle:
    """Whether a destination may be sent to, and how much."""

    def __init__(
        self,
        store: redis.Redis,
        account: DestinationSettings,
        clock: Clock | None = None,
    ) -> None:
        self._account = account
        self._scripts = Scripts(store, account.id, clock)

    def take(self, count: int) -> Grant:
        """Ask to send `count` deliveries; what is granted counts as sent."""
        rate = "" if self._account.rate is None else self._account.rate
        burst = self._account.burst
        granted, wait_ms, failures = self._scripts.run("take", rate, burst, count, TICK_MS)
        return Grant(granted, wait_ms, failures)

    def hold(self, why: str, after: timedelta | None) -> int:
        """Hold the destination, at least for `after`; until when (ms since the epoch)."""
        wish_ms = 0 if after is None else int(after.total_seconds() * 1000)
        return int(self._scripts.run("hold", wish_ms, why, FIRST_HOLD_MS, LONGEST_HOLD_MS))

    def clear(self) -> bool:
        """Forget former failures, for the destination took something; False while it is held."""
        return bool(self._scripts.run("clear"))
