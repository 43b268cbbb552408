"""Celery's Redis transport, which writes wakes and queues to a full broker too.

Without them no pump would come, though what pumps do lets go of memory.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import OutOfMemoryError

from app import full


class Channel(redis.Channel):  # type: ignore[misc] # kombu has no types
    """Writes by a script what was refused for want of memory; the rest is Celery's own."""

    def _put(self, queue: str, message: object, **kwargs: Any) -> None:  # noqa: ANN401 - kombu's own
        try:
            super()._put(queue, message, **kwargs)
        except OutOfMemoryError:
            key = self._q_for_pri(queue, self._get_message_priority(message, reverse=False))
            with self.conn_or_acquire() as client:
                full.write(client, "LPUSH", key, redis.dumps(message))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except OutOfMemoryError:
            member = self.sep.join([routing_key or "", pattern or "", queue or ""])
            with self.conn_or_acquire() as client:
                for table in (self.keyprefix_queue, self.keyprefix_binding_permanent):
                    full.write(client, "SADD", table % exchange, member)


class Transport(redis.Transport):  # type: ignore[misc] # kombu has no types
    """Celery's Redis transport with that channel."""

    Channel = Channel


class SentinelChannel(Channel, redis.SentinelChannel):  # type: ignore[misc] # kombu has no types
    """The same, behind Sentinels."""


class SentinelTransport(redis.SentinelTransport):  # type: ignore[misc] # kombu has no types
    """Celery's Sentinel transport with that channel."""

    Channel = SentinelChannel


def install() -> None:
    """Let Celery use these for URLs of Redis, in this process; no other broker changes."""
    TRANSPORT_ALIASES.update(
        redis=f"{__name__}:Transport",
        rediss=f"{__name__}:Transport",
        sentinel=f"{__name__}:SentinelTransport",
    )
