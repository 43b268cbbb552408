"""Celery's consumer, which finds a broker that is back again as soon as the tick does."""

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer
from kombu import Connection

RECONNECT_S = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}


class EagerConsumer(Consumer):  # type: ignore[misc] # Celery has no types
    """Celery itself waits two seconds longer with each try, up to thirty, and has no setting."""

    def ensure_connected(self, conn: Connection) -> Any:  # noqa: ANN401 - Celery's own
        conn.ensure_connection = partial(conn.ensure_connection, **RECONNECT_S)
        return super().ensure_connected(conn)
