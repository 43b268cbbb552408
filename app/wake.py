"""Wakes: Celery messages that name a destination and carry no event.

Losing or repeating one loses and repeats nothing: the tick sends another. The only module of `app`
that knows Celery, and of its tasks only the names; `broker.py` knows its transport.
"""

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from app import broker
from app.faults import named

PUMP_TASK = "relay.pump"
EXPIRES_S = 600

# The transport's own redelivery is off: it costs eight more commands a message, and a wake that is
# lost is sent again by the tick.
TRANSPORT_OPTIONS = {
    "global_keyprefix": "relay:celery:",
    "ack_emulation": False,
    "priority_steps": [0],
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "client_name": "usage-relay-celery",
}

logger = structlog.get_logger("wake")


def queue_name(queue: str) -> str:
    """Celery's name for a destination's queue."""
    return f"pump.{queue}"


class Wakes:
    """Sends wakes through the broker."""

    def __init__(self, broker_url: str) -> None:
        broker.install()
        self._celery = Celery("relay-wakes", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            broker_transport_options=TRANSPORT_OPTIONS,
            broker_connection_timeout=2,
            broker_pool_acquire_timeout=5,
        )

    def send(self, destination: str, queue: str) -> bool:
        """Ask for a pump; whether the broker took it. If not, the tick asks again."""
        try:
            self._celery.send_task(
                PUMP_TASK,
                args=[destination],
                queue=queue_name(queue),
                expires=EXPIRES_S,
                ignore_result=True,
                retry=False,
            )
        except OperationalError as away:
            logger.warning("wake.not_sent", destination=destination, why=named(away))
            return False
        return True
