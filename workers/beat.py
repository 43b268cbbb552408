"""The tick as Celery's beat scheduler: a task would queue behind the pumps."""

from collections.abc import Mapping
from typing import Any

import redis
import structlog
from celery.beat import Scheduler

from app import presence
from app.clock import milliseconds
from app.dead_letters import Reindexing
from app.destinations import KINDS
from app.faults import named
from app.lane import Lane
from app.renewal import ChangingLanes
from app.replays import Replays
from app.store import connect
from app.tick import TICK_S, Tick
from app.unmapped import Remapping
from app.wake import Wakes
from workers.application import settings

logger = structlog.get_logger("beat")


class TickScheduler(Scheduler):  # type: ignore[misc] # Celery has no types
    """Celery's beat loop calls `tick` and sleeps for as long as it answers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's own
        super().__init__(*args, **kwargs)
        chosen = settings()
        self._store = connect(chosen.store_url.get_secret_value())
        wakes = Wakes(chosen.broker_url.get_secret_value())
        self._lanes = ChangingLanes(chosen, KINDS, self._store, wakes)
        self._following: Mapping[str, Lane] = {}
        self._tick = Tick(())

    def setup_schedule(self) -> None:
        """There are no entries: the tick is all that runs."""

    def tick(self, *_: object, **__: object) -> float:
        """Tick once; the seconds until the next."""
        if self._following is not (lanes := self._lanes.all()):
            self._follow(lanes)
        self._tick()
        try:
            presence.announce_tick(self._store, milliseconds())
        except redis.RedisError as away:
            logger.warning("presence.not_announced", why=named(away))
        return TICK_S

    def _follow(self, lanes: Mapping[str, Lane]) -> None:
        """Tick over the destinations as their settings are written now."""
        self._following = lanes
        self._tick.renew(
            tuple(lanes.values()),
            {id_: Replays(self._store, lane.account) for id_, lane in lanes.items()},
            {
                id_: Remapping(self._store, lane.destination, lane.account)
                for id_, lane in lanes.items()
                if lane.destination.ruled
            },
            {id_: Reindexing(self._store, id_) for id_ in lanes},
        )
