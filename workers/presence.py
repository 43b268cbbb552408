"""A worker announces in the store which queues it consumes, from its own event loop."""

import os
from typing import Any

import redis
import structlog
from celery import bootsteps

from app import presence
from app.clock import milliseconds
from app.faults import named
from app.store import connect
from workers.application import celery, settings

logger = structlog.get_logger("workers")


class Presence(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """Announces every few seconds for as long as the worker's loop turns."""

    requires = frozenset({"celery.worker.components:Timer"})

    def start(self, worker: Any) -> None:  # noqa: ANN401 - Celery's own
        self._store = connect(settings().store_url.get_secret_value())
        self._worker = presence.Worker(f"{worker.hostname}/{os.getpid()}", worker.concurrency)
        self._queues = tuple(worker.app.amqp.queues.consume_from)
        self._announce()
        every = presence.ANNOUNCE_EVERY.total_seconds()
        self._timer = worker.timer.call_repeatedly(every, self._announce)

    def stop(self, _: object) -> None:
        self._timer.cancel()
        try:
            presence.leave(self._store, self._worker)
        except redis.RedisError as away:
            logger.warning("presence.not_announced", why=named(away))

    def _announce(self) -> None:
        try:
            presence.announce(self._store, self._worker, self._queues, milliseconds())
        except redis.RedisError as away:
            logger.warning("presence.not_announced", why=named(away))


celery.steps["worker"].add(Presence)
