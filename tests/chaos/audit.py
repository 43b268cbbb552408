"""Reads the books of a run: what lies in the store, and what the pretend Kable billed."""

import time
from collections.abc import Iterator, Set
from typing import Any, cast  # redis-py answers unions

import redis
import requests

from app import dead_letters, delivery
from app.keys import PREFIX, destination_key
from app.log import Log
from tests.chaos.ledger import Books

DESTINATION = "kable"
LOOK_EVERY_S = 0.2
# What lives on when nothing waits and nobody pumps; digests and counts, not deliveries.
LASTING = ("meta", "counts", "throttle", "seen", "seen:", "wake", "dead", "dead:at")
LASTING_PREFIXES = (f"{PREFIX}celery:", f"{PREFIX}{{source:", f"{PREFIX}workers", f"{PREFIX}ticks")


def usage(sandbox_url: str) -> dict[str, Any]:
    """`items` as billed, and the number of `duplicates` that Kable discarded."""
    answer = requests.get(f"{sandbox_url}/kable/_usage", timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def books(store: redis.Redis, log: Log, confirmed: Set[str], billed: dict[str, Any]) -> Books:
    """Everything that `ledger.verdict` compares."""
    swept = int(store.hget(destination_key(DESTINATION, "counts"), "swept") or 0)
    return Books(
        confirmed=confirmed,
        billed=[item["transactionId"] for item in billed["items"]],
        waiting=frozenset(_waiting(store, log.layout.partitions)),
        retrying=frozenset(_retrying(store, log.layout.partitions)),
        dead=frozenset(_dead(store)),
        unaccounted=log.census().unaccounted,
        swept=swept + log.sweep(),
    )


def leftovers(store: redis.Redis, within_s: float) -> list[str]:
    """Keys that should be gone when nothing waits and nobody pumps, and are not in time."""
    end = time.monotonic() + within_s
    while (left := _left(store)) and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
    return left


def _left(store: redis.Redis) -> list[str]:
    lasting = (*LASTING_PREFIXES, *(destination_key(DESTINATION, name) for name in LASTING))
    keys = sorted(key.decode() for key in store.scan_iter(count=1000))
    return [key for key in keys if not key.startswith(lasting) and not _emptied(store, key)]


def _emptied(store: redis.Redis, key: str) -> bool:
    """A stream keeps its key, and with it its last entry's id, when all entries are deleted."""
    return store.type(key) == b"stream" and store.xlen(key) == 0


def _waiting(store: redis.Redis, partitions: int) -> Iterator[str]:
    for partition in range(partitions):
        key = destination_key(DESTINATION, "log:") + str(partition)
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", store.xrange(key))
        yield from (fields[b"i"].decode() for _, fields in entries)


def _retrying(store: redis.Redis, partitions: int) -> Iterator[str]:
    for partition in range(partitions):
        payloads = store.hvals(destination_key(DESTINATION, "late:") + str(partition))
        yield from (delivery.decode(payload).id for payload in cast("list[bytes]", payloads))


def _dead(store: redis.Redis) -> Iterator[str]:
    payloads = cast("list[bytes]", store.hvals(destination_key(DESTINATION, "dead")))
    yield from (dead_letters.decode(payload).delivery.id for payload in payloads)
