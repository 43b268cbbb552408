"""Reads the books of a run: what lies in the store, and what the pretend partners billed."""

import time
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import replace
from typing import cast  # redis-py answers unions

import redis

from app import dead_letters, delivery
from app.clock import milliseconds
from app.destinations import KINDS
from app.keys import PREFIX, destination_key
from app.log import Log
from tests.chaos.ledger import Books
from tests.chaos.load import Event
from tests.chaos.shown import Shown

LOOK_EVERY_S = 0.2
# What lives on when nothing waits and nobody pumps begins so: digests, counts, letters and what
# operators did, but no delivery that is to move.
LASTING = (
    "figures",
    "history",
    "hour:",
    "meta",
    "counts",
    "throttle",
    "seen",
    "wake",
    "dead",
    "unmapped",
    "settled",
    "day:",
    "actions",
    "replays",
    "replay:",
    "flags",
    "rules",
    "shown",
)


def accepted(destination: str, events: Iterable[Event]) -> frozenset[str]:
    """The message ids of the events that are bound for a destination."""
    return frozenset(e["messageId"] for e in events if e["type"] in KINDS[destination].accepts)


def books(
    store: redis.Redis,
    log: Log,
    name: str,
    confirmed: Set[str],
    show: Callable[[], Shown],
    unconfirmed: Set[str] = frozenset(),
) -> Books:
    """Everything that `ledger.verdict` compares, of the destination of that name.

    The store is read first: what still moves meanwhile is in both, and never in neither.
    """
    partitions = log.layout.total
    swept = int(store.hget(destination_key(name, "counts"), "swept") or 0)
    kept = Books(
        confirmed=confirmed,
        unconfirmed=unconfirmed,
        billed=(),
        waiting=frozenset(_waiting(store, name, partitions)),
        retrying=frozenset(_retrying(store, name, partitions)),
        unmapped=frozenset(_unmapped(store, name)),
        dead=dict(_dead(store, name)),
        once=not KINDS[name].repeatable,
        unaccounted=log.census().unaccounted,
        swept=swept + log.sweep(),
    )
    shown = show()
    return replace(kept, billed=shown.billed, applied=shown.applied, duplicates=shown.duplicates)


def leftovers(store: redis.Redis, names: Iterable[str], within_s: float) -> list[str]:
    """Keys of destinations that live only while something waits or pumps, and are not gone."""
    known = tuple(names)
    end = time.monotonic() + within_s
    while (left := _left(store, known)) and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
    return left


def _left(store: redis.Redis, names: Iterable[str]) -> list[str]:
    prefixes = tuple(f"{PREFIX}{{{name}}}:" for name in names)
    lasting = tuple(prefix + key for prefix in prefixes for key in LASTING)
    keys = sorted(key.decode() for key in store.scan_iter(f"{PREFIX}*", count=1000))
    own = (key for key in keys if key.startswith(prefixes) and not key.startswith(lasting))
    return [key for key in own if not _emptied(store, key) and not _ended(store, key)]


def _ended(store: redis.Redis, key: str) -> bool:
    """A pump that died leaves its leases to the next that works where it did."""
    leases = key.removesuffix("holders").removesuffix("leases") + "leases"
    if key != leases and not key.endswith(":holders"):
        return False
    return not store.zcount(leases, milliseconds(), "+inf")


def _emptied(store: redis.Redis, key: str) -> bool:
    """A stream keeps its key, and with it its last entry's id, when all entries are deleted."""
    return store.type(key) == b"stream" and store.xlen(key) == 0


def _waiting(store: redis.Redis, name: str, partitions: int) -> Iterator[str]:
    for partition in range(partitions):
        key = destination_key(name, "log:") + str(partition)
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", store.xrange(key))
        yield from (fields[b"i"].decode() for _, fields in entries)


def _retrying(store: redis.Redis, name: str, partitions: int) -> Iterator[str]:
    """Retries, and what waits behind them."""
    for key in ("late:", "behind:"):
        for partition in range(partitions):
            yield from _deliveries(store, destination_key(name, key) + str(partition))


def _unmapped(store: redis.Redis, name: str) -> Iterator[str]:
    yield from _deliveries(store, destination_key(name, "unmapped"))


def _deliveries(store: redis.Redis, key: str) -> Iterator[str]:
    yield from (delivery.decode(payload).id for payload in cast("list[bytes]", store.hvals(key)))


def _dead(store: redis.Redis, name: str) -> Iterator[tuple[str, str]]:
    payloads = cast("list[bytes]", store.hvals(destination_key(name, "dead")))
    for letter in map(dead_letters.decode, payloads):
        yield letter.id, letter.reason
