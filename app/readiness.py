"""Whether a delivery can flow: the store answers, ingest accepts, workers consume every queue."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.presence import live_queues, ticking
from app.settings import Settings
from app.store import connect
from app.wake import queue_name

TIMEOUT_S = 5.0
NO_BEAT = "beat does not tick"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps deliveries from flowing; `away` when a part does not answer at all."""

    why: str
    away: bool = False


def connect_once(url: str) -> redis.Redis:
    """A client that repeats nothing: who looks often wants to know at once."""
    store = connect(url)
    store.set_retry(Retry(NoBackoff(), 0))
    return store


def obstacles(
    store: redis.Redis, settings: Settings, ingest_url: str, since: int
) -> Iterator[Obstacle]:
    """Nothing when a delivery can flow; workers count when announced since then (ms)."""
    queues = {queue_name(account.queue) for account in settings.destinations.values()}
    yield from _workers(store, queues, since)
    yield from answering("ingest", f"{ingest_url}/readyz")


def store_away(store: redis.Redis) -> Iterator[Obstacle]:
    """Nothing when the store answers."""
    try:
        store.ping()
    except redis.RedisError as error:
        yield _away(error)


def answering(part: str, url: str) -> Iterator[Obstacle]:
    """Nothing when a GET of this URL answers 200."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(url, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            yield Obstacle(f"{part} does not answer at {url} ({type(error).__name__})", away=True)
            return
    if answer.status_code != requests.codes.ok:
        yield Obstacle(f"{part} answers {answer.status_code} at {url}: {answer.text[:200]}")


def standing_still(store: redis.Redis, since: int) -> Iterator[Obstacle]:
    """Nothing when the tick has run since then (ms); without it a delivery may flow but once."""
    try:
        if not ticking(store, since):
            yield Obstacle(f"{NO_BEAT}: what is held, is replayed or waits for a retry stays")
    except redis.RedisError as error:
        yield _away(error)


def _workers(store: redis.Redis, queues: Iterable[str], since: int) -> Iterator[Obstacle]:
    try:
        served = live_queues(store, since)
    except redis.RedisError as error:
        yield _away(error)
        return
    for queue in sorted(set(queues) - served):
        yield Obstacle(f"no worker consumes the queue {queue}")


def _away(error: redis.RedisError) -> Obstacle:
    return Obstacle(f"the store does not answer ({error})", away=True)
