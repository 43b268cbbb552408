"""Reads how all destinations stand: those that the settings name, and those that they forgot."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

import redis

from app import settled
from app.keys import DESTINATIONS
from app.log import Log
from app.presence import live_queues
from app.settings import DestinationSettings, Settings
from app.standing import Standing
from app.throttle import Throttle, fingerprint
from app.wake import queue_name

# Of the newest settlements the newest deliveries: a settlement has one or hundreds.
LATENCY_OF_SETTLEMENTS = 50
LATENCY_OF = 5_000


def standings(store: redis.Redis, settings: Settings, since: int) -> list[Standing]:
    """All destinations of the settings, then the orphans that hold something.

    Workers count when announced since then (ms since the epoch).
    """
    served = live_queues(store, since)
    named = [
        _standing(store, account, served=queue_name(account.queue) in served)
        for account in settings.destinations.values()
    ]
    return [*named, *_orphaned(store, orphans(store, settings))]


def standing_of(
    store: redis.Redis, account: DestinationSettings, since: int, *, configured: bool = True
) -> Standing:
    """One destination; workers count when announced since then (ms)."""
    served = queue_name(account.queue) in live_queues(store, since)
    return _standing(store, account, served=served, configured=configured)


def known(store: redis.Redis, settings: Settings) -> list[DestinationSettings]:
    """All destinations of the settings, then the orphans, whether they hold something or not."""
    return [*settings.destinations.values(), *orphans(store, settings)]


def orphan(store: redis.Redis, destination: str) -> DestinationSettings | None:
    """A destination that the store knows; for what the settings do not name."""
    kind = cast("bytes | None", store.hget(DESTINATIONS, destination))
    return None if kind is None else DestinationSettings(id=destination, kind=kind.decode())


def orphans(store: redis.Redis, settings: Settings) -> list[DestinationSettings]:
    """The destinations that the store knows and the settings do not, as far as they are known."""
    kept = cast("dict[bytes, bytes]", store.hgetall(DESTINATIONS))
    return [
        DestinationSettings(id=name.decode(), kind=kind.decode())
        for name, kind in sorted(kept.items())
        if name.decode() not in settings.destinations
    ]


def _orphaned(store: redis.Redis, accounts: Iterable[DestinationSettings]) -> Iterator[Standing]:
    for account in accounts:
        standing = _standing(store, account, configured=False)
        census = standing.census
        if census.waiting or census.retrying or census.dead or census.unmapped:
            yield standing


def _standing(
    store: redis.Redis,
    account: DestinationSettings,
    *,
    served: bool = False,
    configured: bool = True,
) -> Standing:
    log, throttle = Log(store, account), Throttle(store, account).state()
    refused = throttle.credentials
    newest = settled.newest(store, account.id, LATENCY_OF_SETTLEMENTS)
    return Standing(
        account,
        log.census(),
        throttle,
        settled.latency(islice(newest, LATENCY_OF)),
        served,
        configured,
        renewed=bool(refused) and refused != fingerprint(account, log.layout.digest_key),
    )
