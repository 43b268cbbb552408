"""The tick: once a second it moves replays and what new rules map, and wakes what is overdue.

It also says when a backlog is high, for it runs once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import redis
import structlog

from app.backlog import Alerts
from app.dead_letters import Reindexing
from app.faults import named
from app.lane import Lane
from app.replays import Replays
from app.unmapped import Remapping

TICK_S = 1.0
SWEEP_EVERY_TICKS = 60
COUNT_EVERY_TICKS = 5
PATIENCE_MS = 1_000
PATIENCE_MAX_MS = 30_000

OUTCOMES = ("replayed", "delivered", "skipped", "dead", "unmapped")

logger = structlog.get_logger("tick")


class Tick:
    """Over some destinations; while nobody answers a destination's wakes, they become rarer."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        replays: Mapping[str, Replays] = MappingProxyType({}),
        remappings: Mapping[str, Remapping] = MappingProxyType({}),
        reindexings: Mapping[str, Reindexing] = MappingProxyType({}),
    ) -> None:
        self._lanes = lanes
        self._reindexings = reindexings
        self._remappings = remappings
        self._replays = replays
        self._patience: defaultdict[str, int] = defaultdict(lambda: PATIENCE_MS)
        self._alerts = Alerts()
        self._ticks = 0

    def renew(
        self,
        lanes: Sequence[Lane],
        replays: Mapping[str, Replays],
        remappings: Mapping[str, Remapping],
        reindexings: Mapping[str, Reindexing] = MappingProxyType({}),
    ) -> None:
        """Go on over these, as their settings are written now."""
        self._reindexings = reindexings
        self._lanes, self._replays, self._remappings = lanes, replays, remappings

    def __call__(self) -> None:
        """Move replays, wake what is overdue; once a minute also what no index names."""
        for lane in self._lanes:
            try:
                self._replay(lane)
                self._remap(lane)
                self._wake(lane)
                if self._ticks % SWEEP_EVERY_TICKS == 0:
                    self._sweep(lane)
                if self._ticks % COUNT_EVERY_TICKS == 0:
                    self._count(lane)
                self._reindex(lane)
            except redis.RedisError as away:
                logger.warning("tick.failed", destination=lane.account.id, why=named(away))
        self._ticks += 1

    def _count(self, lane: Lane) -> None:
        census = lane.log.census()
        self._alerts.look(lane.account, census, lane.log.now())
        lane.log.sample(census)

    def _replay(self, lane: Lane) -> None:
        """What moves now is due now, so that the same tick wakes a pump for it."""
        replays = self._replays.get(lane.account.id)
        news = replays.step() if replays else None
        if news is None or not news.told:
            return
        replay = news.replay
        about = {"destination": lane.account.id, "replay": replay.id, "total": replay.total}
        if news.told == "began":
            logger.info("replay.began", who=replay.who, rate=replay.rate, **about)
            return
        counts = {name: getattr(replay, name) for name in OUTCOMES}
        logger.info("replay.ended", state=replay.state, **about, **counts)

    def _remap(self, lane: Lane) -> None:
        remapping = self._remappings.get(lane.account.id)
        if remapping is None:
            return
        news = remapping.step()
        if news.expired:
            logger.info("unmapped.expired", destination=lane.account.id, count=news.expired)
        if news.run is None or not news.told:
            return
        about = {"destination": lane.account.id, "total": news.run.total}
        if news.told == "began":
            logger.info("remapping.began", **about)
        else:
            logger.info("remapping.ended", taken=news.run.taken, **about)

    def _wake(self, lane: Lane) -> None:
        name = lane.account.id
        match lane.log.overdue(self._patience[name]):
            case "nothing":
                self._patience[name] = PATIENCE_MS
            case "to be woken":
                if lane.wake():
                    self._patience[name] = min(self._patience[name] * 2, PATIENCE_MAX_MS)
                    logger.info("wake.sent", destination=name)
            case "wake sent":
                return

    def _reindex(self, lane: Lane) -> None:
        name = lane.account.id
        if name in self._reindexings and (mended := self._reindexings[name].step()):
            logger.info("letters.reindexed", destination=name, count=mended)

    def _sweep(self, lane: Lane) -> None:
        if found := lane.log.sweep():
            logger.warning("partitions.stuck", destination=lane.account.id, count=found)
