"""The metrics of what the relay runs on: workers, beat, the store, the version."""

import math
from importlib.metadata import version

from app.append import MEMORY_MARK
from app.metrics.fleet import Fleet
from app.metrics.measure import Measure, Samples, one_hot

POLICIES = ("always", "everysec", "no", "unknown")


def _served(fleet: Fleet) -> Samples:
    return (((queue,), float(served)) for queue, served in fleet.queues.items())


def _tick_age_s(fleet: Fleet) -> float:
    if fleet.ticked_at is None:
        return math.inf
    return max(0, fleet.now - fleet.ticked_at) / 1000


def _limits(fleet: Fleet, share: float) -> Samples:
    return [((), share * fleet.store.memory_max)] if fleet.store.memory_max else []


def _fsync(fleet: Fleet) -> Samples:
    policy = fleet.store.fsync if fleet.store.fsync in POLICIES else "unknown"
    return (((word,), number) for word, number in one_hot(policy, POLICIES))


MEASURES = (
    Measure(
        "gauge",
        "relay_queue_served",
        "1 while a worker consumes the queue.",
        ("queue",),
        _served,
    ),
    Measure(
        "gauge",
        "relay_workers",
        "Workers that have announced themselves within 30 s.",
        (),
        lambda fleet: [((), len(fleet.workers))],
    ),
    Measure(
        "gauge",
        "relay_worker_processes",
        "The processes of these workers.",
        (),
        lambda fleet: [((), sum(fleet.workers.values()))],
    ),
    Measure(
        "gauge",
        "relay_worker_processes_wanted",
        "The pumps that all destinations may have at once, each of which takes a process.",
        (),
        lambda fleet: [((), fleet.wanted_processes)],
    ),
    Measure(
        "gauge",
        "relay_tick_age_seconds",
        "How long ago beat ticked; infinite when not within a day.",
        (),
        lambda fleet: [((), _tick_age_s(fleet))],
    ),
    Measure(
        "gauge",
        "relay_store_memory_used_bytes",
        "Memory that the store uses.",
        (),
        lambda fleet: [((), fleet.store.memory_used)],
    ),
    Measure(
        "gauge",
        "relay_store_memory_max_bytes",
        "The maxmemory of the store.",
        (),
        lambda fleet: _limits(fleet, 1),
    ),
    Measure(
        "gauge",
        "relay_store_memory_mark_bytes",
        "The mark above which ingest answers 503.",
        (),
        lambda fleet: _limits(fleet, MEMORY_MARK),
    ),
    Measure(
        "gauge",
        "relay_store_evicts",
        "1 when a full store deletes accepted events.",
        (),
        lambda fleet: [((), fleet.store.evicts)],
    ),
    Measure(
        "gauge",
        "relay_store_aof_enabled",
        "1 when the store keeps an append-only file.",
        (),
        lambda fleet: [((), fleet.store.aof)],
    ),
    Measure(
        "gauge",
        "relay_store_fsync",
        "1 for the appendfsync of the store, 0 for the others.",
        ("policy",),
        _fsync,
    ),
    Measure(
        "gauge",
        "relay_store_writable",
        "0 when the store could not write to its disk the last time.",
        (),
        lambda fleet: [((), fleet.store.writes)],
    ),
    Measure(
        "gauge",
        "relay_build_info",
        "1, with the version of the console process that answers.",
        ("version",),
        lambda _: [((version("usage-relay"),), 1)],
    ),
)
