"""Looks at the store and at who is at work, for findings on them."""

from collections.abc import Iterator, Mapping

import redis

from app.clock import milliseconds
from app.findings import (
    Finding,
    beat,
    clock,
    eviction,
    forgetfulness,
    memory,
    persistence,
    replication,
    stands,
    version,
    workers,
)
from app.keys import DESTINATIONS
from app.overview import standings
from app.presence import alive_since, live_processes, live_queues, ticking
from app.settings import Settings


def of_the_store(store: redis.Redis, settings: Settings) -> Iterator[Finding]:
    """Whether it keeps what it is given, and how much more it can take.

    Raises redis.RedisError when it does not answer.
    """
    info: Mapping[str, object] = store.info()
    yield version(info)
    fsync = _fsync(store)
    yield from persistence(info, fsync)
    yield eviction(info)
    yield from memory(info)
    yield from replication(info)
    yield from forgetfulness(settings.destinations.values(), fsync)
    seconds, microseconds = store.time()
    yield from clock(seconds * 1000 + microseconds // 1000, milliseconds())


def of_the_processes(store: redis.Redis, settings: Settings) -> Iterator[Finding]:
    """Whether workers consume every queue, and beat ticks."""
    since = alive_since(milliseconds())
    accounts = settings.destinations.values()
    yield from workers(accounts, live_queues(store, since), live_processes(store, since))
    yield beat(ticks=ticking(store, since))


def of_the_destinations(store: redis.Redis, settings: Settings) -> Iterator[Finding]:
    """Which of them do nothing until an operator does something."""
    since = alive_since(milliseconds())
    yield from stands(standings(store, _seen(settings, store), since))


def _seen(settings: Settings, store: redis.Redis) -> Settings:
    """Without the destinations that the store has not seen: to look would fix their partitions."""
    seen = {
        name: account
        for name, account in settings.destinations.items()
        if store.hexists(DESTINATIONS, name)
    }
    return settings.model_copy(update={"destinations": seen})


def _fsync(store: redis.Redis) -> str | None:
    try:
        config: Mapping[str | None, str | None] = store.config_get("appendfsync")
    except redis.ResponseError:
        return None
    return config.get("appendfsync")
