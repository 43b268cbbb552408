"""The tasks: thin, so that what they run can be tested without Celery."""

from functools import cache
from typing import Any
from uuid import uuid4

import redis
import structlog
from celery.worker.request import Request

from app.destinations import KINDS
from app.faults import named
from app.pump import Pump
from app.renewal import ChangingLanes
from app.store import connect
from app.wake import PUMP_TASK, Wakes
from workers.application import celery, settings

logger = structlog.get_logger("workers")


@cache
def process_lanes() -> ChangingLanes:
    """The lanes of this process, made at its first task and so after the fork."""
    chosen = settings()
    store = connect(chosen.store_url.get_secret_value())
    return ChangingLanes(chosen, KINDS, store, Wakes(chosen.broker_url.get_secret_value()))


class PumpRequest(Request):  # type: ignore[misc] # Celery has no types
    """A pump as the worker that runs it sees it."""

    def on_timeout(self, soft: bool, timeout: float) -> Any:  # noqa: ANN401, FBT001 - Celery's own
        """It stands still, and Celery kills its process."""
        logger.error("pump.timed_out", destination=self.args[0], seconds=timeout)
        return super().on_timeout(soft, timeout)


@celery.task(name=PUMP_TASK, Request=PumpRequest)
def pump(destination: str) -> None:
    """Move what is due of one destination. Without the store, the tick sends another wake."""
    lane = process_lanes().lane(destination)
    if lane is None:
        logger.warning("wake.unknown_destination", destination=destination)
        return
    try:
        Pump(lane, token=uuid4().hex).run()
    except redis.RedisError as away:
        logger.warning("pump.lost_the_store", destination=destination, why=named(away))
    except Exception:
        logger.exception("pump.failed", destination=destination)
        raise
