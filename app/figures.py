"""What metrics tell of a destination besides its ledger: how long things took, and how often.

Latencies and whatever scripts count are exact. What a pump adds of its requests is written when it
ends: one that is killed takes its last seconds with it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import redis

from app.fates import LATENCY_BOUNDS, Lane
from app.keys import destination_key
from app.outcome import Outcome, Unavailable

REQUEST_BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
LANES: tuple[Lane, ...] = ("live", "bulk")


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many took at most so long: bounds in seconds with counts that include those below.

    `count` is of all, also beyond the last bound; `seconds` is their sum.
    """

    buckets: tuple[tuple[float, int], ...]
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All since the destination came to be.

    `latency` is from acceptance to delivery, by lane. `durations` are of requests, each with
    several calls where a destination needs them; `requests` counts them by outcome, `attempts` the
    deliveries in them. A `wake` is asked for where work is due that nobody does. `pump_seconds`
    are those of pumps that ended, `busy_seconds` without those in which they only listened.
    `holds` are by cause, `openings` of the breaker those that began a row of failures, `pauses`
    by who paused. `buried` are dead letters by reason, whatever became of them since.
    """

    latency: Mapping[Lane, Histogram]
    durations: Histogram
    requests: Mapping[str, int]
    attempts: Mapping[str, int]
    wakes: int
    pumps: int
    pump_seconds: float
    busy_seconds: float
    holds: Mapping[str, int]
    openings: int
    pauses: Mapping[str, int]
    buried: Mapping[str, int]


def figures(store: redis.Redis, destination: str) -> Figures:
    """What is counted for a destination so far."""
    pipe = store.pipeline(transaction=False)
    for name in ("figures", "counts"):
        pipe.hgetall(destination_key(destination, name))
    return decode(*cast("list[dict[bytes, bytes]]", pipe.execute()))


def decode(found: Mapping[bytes, bytes], ledger: Mapping[bytes, bytes]) -> Figures:
    """What the two hashes say that the store keeps as `figures` and `counts`."""
    counts = {name.decode(): int(number) for name, number in {**ledger, **found}.items()}
    return Figures(
        latency={lane: _histogram(counts, f"latency:{lane}:", LATENCY_BOUNDS) for lane in LANES},
        durations=_histogram(counts, "took:", REQUEST_BOUNDS),
        requests=_below(counts, "requests:"),
        attempts=_below(counts, "attempts:"),
        wakes=counts.get("wakes", 0),
        pumps=counts.get("pumps", 0),
        pump_seconds=counts.get("pump_ms", 0) / 1000,
        busy_seconds=counts.get("busy_ms", 0) / 1000,
        holds=_below(counts, "holds:"),
        openings=counts.get("openings", 0),
        pauses=_below(counts, "pauses:"),
        buried=_below(counts, "buried:"),
    )


class Work:
    """What one pump adds to the figures."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._idle_s = 0.0

    def request(self, outcome: Outcome, deliveries: int, took_ms: int) -> None:
        """A request with so many deliveries came to an outcome."""
        word, took = outcome_word(outcome), max(0, took_ms)
        bound = next((bound for bound in REQUEST_BOUNDS if took <= bound), "inf")
        self._counts[f"took:{bound}"] += 1
        self._counts["took:sum"] += took
        self._counts[f"requests:{word}"] += 1
        self._counts[f"attempts:{word}"] += deliveries

    def idle(self, seconds: float) -> None:
        """It only listened for so long."""
        self._idle_s += seconds

    def added(self, seconds: float) -> Mapping[str, int]:
        """The figures of a pump that ran for so long, by their names in the store."""
        busy = max(0.0, seconds - self._idle_s)
        return {**self._counts, "pump_ms": int(seconds * 1000), "busy_ms": int(busy * 1000)}


def outcome_word(outcome: Outcome) -> str:
    """An outcome's name; of what was unavailable its cause: down, throttled or credentials."""
    if isinstance(outcome, Unavailable):
        return outcome.cause
    return type(outcome).__name__.lower()


def _histogram(counts: Mapping[str, int], prefix: str, bounds: Sequence[int]) -> Histogram:
    below = list(accumulate(counts.get(f"{prefix}{bound}", 0) for bound in bounds))
    return Histogram(
        tuple((bound / 1000, count) for bound, count in zip(bounds, below, strict=True)),
        below[-1] + counts.get(f"{prefix}inf", 0),
        counts.get(f"{prefix}sum", 0) / 1000,
    )


def _below(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    names = sorted(name for name in counts if name.startswith(prefix))
    return {name.removeprefix(prefix): counts[name] for name in names}
