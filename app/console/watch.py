"""One look at everything, at most every other second, which all open pages of a process share.

However many consoles are open, the store is asked as often as by one.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import redis

from app import inspection
from app.actions import Actions
from app.clock import Clock, milliseconds
from app.counters import Tally, tally
from app.findings import Finding
from app.overview import standings
from app.presence import alive_since, last_tick, live_queues, live_workers
from app.settings import Settings
from app.standing import Standing

EVERY_MS = 2_000
OVER_MS = 10_000
PATIENCE_S = 1.0  # a page has three to be built
SILENT = "it is silent"
ACTIONS_READ = 20


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is at work: `workers` with the number of their processes, the queues they consume.

    `ticked_at` is when beat ticked last, in ms; None when not within a day.
    """

    workers: Mapping[str, int] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    ticked_at: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the store uses, in bytes; a limit of 0 is none."""

    used: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """How everything stood at a moment (ms since the epoch).

    `findings` tell of the store and of the processes, `pausers` who paused a destination by hand;
    `away` why the store did not answer, and the rest is of the last time that it did.
    """

    at: int
    standings: tuple[Standing, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    presence: Presence = Presence()
    memory: Memory = Memory()
    pausers: Mapping[str, str] = field(default_factory=dict)
    away: str = ""


class Watch:
    """Looks when somebody asks and the last look is older than two seconds."""

    def __init__(
        self, store: redis.Redis, settings: Settings, clock: Clock = milliseconds
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._looks: deque[Look] = deque(maxlen=OVER_MS // EVERY_MS + 1)
        self._making: asyncio.Task[Look] | None = None
        self._expired = False

    async def look(self) -> Look:
        """The newest look, made now if need be.

        Where the store is silent nobody waits for longer than a second: it counts as away.
        """
        if self._looks and self._is_new(self._looks[-1]):
            return self._looks[-1]
        if self._making is None or self._making.done():
            self._expired = False
            self._making = asyncio.create_task(self._make())
        try:
            return await asyncio.wait_for(asyncio.shield(self._making), PATIENCE_S)
        except TimeoutError:
            return self._as_before(SILENT)

    async def _make(self) -> Look:
        look = await asyncio.to_thread(self._fresh)
        self._looks.append(look)
        return look

    def earlier(self) -> Look | None:
        """What the newest look is compared with for what flows a second; None without one."""
        answered = [look for look in self._looks if not look.away]
        return answered[0] if len(answered) > 1 else None

    def expire(self) -> None:
        """Who asks next is told how everything stands after what has just been done."""
        self._expired = True

    def _is_new(self, look: Look) -> bool:
        return not self._expired and self._clock() - look.at < EVERY_MS

    def _fresh(self) -> Look:
        try:
            return self._read(self._clock())
        except redis.RedisError as error:
            return self._as_before(str(error))

    def _as_before(self, away: str) -> Look:
        last = self._looks[-1] if self._looks else Look(0)
        return replace(last, at=self._clock(), away=away)

    def _read(self, now: int) -> Look:
        store, since = self._store, alive_since(now)
        memory = cast("Mapping[str, int]", store.info("memory"))
        stands = tuple(standings(store, self._settings, since))
        return Look(
            now,
            stands,
            {source: tally(store, source) for source in self._settings.sources},
            (
                *inspection.of_the_store(store, self._settings),
                *inspection.of_the_processes(store, self._settings),
            ),
            Presence(live_workers(store, since), live_queues(store, since), last_tick(store)),
            Memory(memory["used_memory"], memory.get("maxmemory", 0)),
            {one.account.id: self._pauser(one) for one in stands if _is_paused_by_hand(one)},
        )

    def _pauser(self, standing: Standing) -> str:
        """The operator of the newest pause on record; empty when it is on none."""
        newest = Actions(self._store, standing.account.id).newest(ACTIONS_READ)
        return next((one.who for one in newest if one.what == "paused"), "")


def _is_paused_by_hand(standing: Standing) -> bool:
    return standing.throttle.paused_by == "operator"
