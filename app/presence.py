"""Who is at work: the queues that have a living worker, and whether the tick runs.

Workers and beat announce themselves in the store, so that this works with any broker and with
Celery's remote control off.

    relay:workers     sorted set: queue -> last announced (ms)     a member ends after a day
    relay:processes   sorted set: worker and number of its
                      processes -> last announced (ms)             a member ends after a day
    relay:ticks       string: last announced (ms)                  a day
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import redis

from app import full
from app.keys import PREFIX

WORKERS = f"{PREFIX}workers"
PROCESSES = f"{PREFIX}processes"
TICKS = f"{PREFIX}ticks"

ANNOUNCE_EVERY = timedelta(seconds=5)
ALIVE = timedelta(seconds=30)
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Worker:
    """A Celery worker: a name that no other one has, and how many processes run its tasks."""

    name: str
    processes: int

    @property
    def member(self) -> str:
        return f"{self.name} {self.processes}"


def announce(store: redis.Redis, worker: Worker, queues: Iterable[str], now: int) -> None:
    """A worker consumes these queues now (ms since the epoch)."""
    with store.pipeline(transaction=False) as pipeline:
        full.write(pipeline, "ZADD", WORKERS, *(word for name in queues for word in (now, name)))
        full.write(pipeline, "ZADD", PROCESSES, now, worker.member)
        for key in (WORKERS, PROCESSES):
            pipeline.zremrangebyscore(key, "-inf", now - _ms(FORGOTTEN))
        pipeline.execute()


def leave(store: redis.Redis, worker: Worker) -> None:
    """A worker ends; another one may consume its queues."""
    store.zrem(PROCESSES, worker.member)


def announce_tick(store: redis.Redis, now: int) -> None:
    """The tick runs now (ms since the epoch)."""
    full.write(store, "SET", TICKS, now, "PX", _ms(FORGOTTEN))


def live_queues(store: redis.Redis, since: int) -> frozenset[str]:
    """The queues that a worker has announced at `since` (ms since the epoch) or later."""
    queues = cast("list[bytes]", store.zrangebyscore(WORKERS, since, "+inf"))  # redis-py: a union
    return frozenset(queue.decode() for queue in queues)


def live_processes(store: redis.Redis, since: int) -> int:
    """How many processes the workers have that announced themselves at `since` (ms) or later."""
    return sum(live_workers(store, since).values())


def live_workers(store: redis.Redis, since: int) -> dict[str, int]:
    """The workers that announced themselves at `since` (ms) or later, and their processes."""
    found = cast("list[bytes]", store.zrangebyscore(PROCESSES, since, "+inf"))  # redis-py: a union
    parts = (member.decode().rpartition(" ") for member in found)
    return {name: int(processes) for name, _, processes in parts}


def ticking(store: redis.Redis, since: int) -> bool:
    """Whether the tick has announced itself at `since` (ms since the epoch) or later."""
    last = last_tick(store)
    return last is not None and last >= since


def last_tick(store: redis.Redis) -> int | None:
    """When the tick announced itself last (ms since the epoch); None when not within a day."""
    last = store.get(TICKS)
    return None if last is None else int(last)


def alive_since(now: int) -> int:
    """Who has not announced itself since then counts as gone (ms since the epoch)."""
    return now - _ms(ALIVE)


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
