"""Who is at work: the queues that have a living worker, and whether the tick runs.

Workers and beat announce themselves in the store, so that this works with any broker and with
Celery's remote control off.

    relay:workers   sorted set: queue -> last announced (ms)   a member ends after a day
    relay:ticks     string: last announced (ms)                a day
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import cast

import redis

from app.keys import PREFIX

WORKERS = f"{PREFIX}workers"
TICKS = f"{PREFIX}ticks"

ANNOUNCE_EVERY = timedelta(seconds=5)
ALIVE = timedelta(seconds=30)
FORGOTTEN = timedelta(days=1)


def announce(store: redis.Redis, queues: Iterable[str], now: int) -> None:
    """A worker consumes these queues now (ms since the epoch)."""
    with store.pipeline(transaction=False) as pipeline:
        pipeline.zadd(WORKERS, dict.fromkeys(queues, now))
        pipeline.zremrangebyscore(WORKERS, "-inf", now - _ms(FORGOTTEN))
        pipeline.execute()


def announce_tick(store: redis.Redis, now: int) -> None:
    """The tick runs now (ms since the epoch)."""
    store.set(TICKS, now, px=FORGOTTEN)


def live_queues(store: redis.Redis, since: int) -> frozenset[str]:
    """The queues that a worker has announced at `since` (ms since the epoch) or later."""
    queues = cast("list[bytes]", store.zrangebyscore(WORKERS, since, "+inf"))  # redis-py: a union
    return frozenset(queue.decode() for queue in queues)


def ticking(store: redis.Redis, since: int) -> bool:
    """Whether the tick has announced itself at `since` (ms since the epoch) or later."""
    last = store.get(TICKS)
    return last is not None and int(last) >= since


def alive_since(now: int) -> int:
    """Who has not announced itself since then counts as gone (ms since the epoch)."""
    return now - _ms(ALIVE)


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
