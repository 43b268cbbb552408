"""What beat moves step by step, replays and what new rules map, as people are told of it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import redis

from app.clock import milliseconds
from app.presence import alive_since, ticking
from app.readiness import NO_BEAT
from app.replays import Replay, Replays
from app.settings import DestinationSettings
from app.unmapped import Run

Moved = TypeVar("Moved", Replay, Run)


def told(store: redis.Redis, one: Moved) -> Moved:
    """The same; while beat, which keeps `standing`, does not tick, that is why it stands still."""
    if one.state != "running" or ticking(store, alive_since(milliseconds())):
        return one
    return replace(one, standing=f"{NO_BEAT}, so nothing moves it")


def newest_replays(store: redis.Redis, accounts: Iterable[DestinationSettings]) -> list[Replay]:
    """The replays of these destinations as people are told of them, the newest first."""
    found = [told(store, one) for account in accounts for one in Replays(store, account).newest()]
    return sorted(found, key=lambda one: one.began_at, reverse=True)
