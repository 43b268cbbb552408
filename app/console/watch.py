"""One look at everything, at most every other second, which all open pages of a process share.

However many consoles are open, the store is asked as often as by one.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis

from app import inspection
from app.clock import Clock, milliseconds
from app.counters import Tally, tally
from app.findings import Finding
from app.overview import standings
from app.presence import alive_since
from app.settings import Settings
from app.standing import Standing

EVERY_MS = 2_000
OVER_MS = 10_000


@dataclass(frozen=True, slots=True)
class Look:
    """How everything stood at a moment (ms since the epoch).

    `findings` tell of the store and of the processes; `away` why the store did not answer, and
    the rest is of the last time that it did.
    """

    at: int
    standings: tuple[Standing, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    away: str = ""


class Watch:
    """Looks when somebody asks and the last look is older than two seconds."""

    def __init__(
        self, store: redis.Redis, settings: Settings, clock: Clock = milliseconds
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._looks: deque[Look] = deque(maxlen=OVER_MS // EVERY_MS + 1)
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> Look:
        """The newest look, made now if need be."""
        async with self._one_at_a_time:
            if self._looks and self._clock() - self._looks[-1].at < EVERY_MS:
                return self._looks[-1]
            look = await asyncio.to_thread(self._fresh)
            self._looks.append(look)
            return look

    def earlier(self) -> Look | None:
        """What the newest look is compared with for what flows a second; None without one."""
        answered = [look for look in self._looks if not look.away]
        return answered[0] if len(answered) > 1 else None

    def _fresh(self) -> Look:
        now = self._clock()
        try:
            return Look(
                now,
                tuple(standings(self._store, self._settings, alive_since(now))),
                {source: tally(self._store, source) for source in self._settings.sources},
                (
                    *inspection.of_the_store(self._store, self._settings),
                    *inspection.of_the_processes(self._store, self._settings),
                ),
            )
        except redis.RedisError as error:
            last = self._looks[-1] if self._looks else Look(now)
            return Look(now, last.standings, last.tallies, last.findings, away=str(error))
