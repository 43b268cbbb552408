"""What one metric is: its name, its sentence, its labels, and how it is told of a fleet."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from app.metrics.fleet import Fleet, Seen

Samples = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, in their order, and the number."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric; the name of a counter stands without its `_total`.

    A counter never falls while the store keeps its data. Where a number does not apply to a
    series, the series is left out.
    """

    type: Literal["counter", "gauge"]
    name: str
    about: str
    labels: tuple[str, ...]
    told: Callable[[Fleet], Samples]

    def family(self, fleet: Fleet) -> Metric:
        cls = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        family = cls(self.name, self.about, labels=self.labels)
        for values, number in self.told(fleet):
            family.add_metric(values, number)
        return family


@dataclass(frozen=True, slots=True)
class Spread:
    """How many took at most so many seconds: each bound, the last infinite, with all below it."""

    buckets: tuple[tuple[float, int], ...]
    seconds: float


Spreads = Iterable[tuple[tuple[str, ...], Spread]]


@dataclass(frozen=True, slots=True)
class Timing:
    """A metric of how long things took."""

    name: str
    about: str
    labels: tuple[str, ...]
    told: Callable[[Fleet], Spreads]
    type: Literal["histogram"] = "histogram"

    def family(self, fleet: Fleet) -> Metric:
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        for values, spread in self.told(fleet):
            bounds = [(_written(bound), count) for bound, count in spread.buckets]
            family.add_metric(values, bounds, spread.seconds)
        return family


def _written(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else str(float(bound))


def each(told: Callable[[Seen], float | None]) -> Callable[[Fleet], Samples]:
    """One number a destination; None leaves its series out."""

    def samples(fleet: Fleet) -> Samples:
        for one in fleet.destinations:
            if (number := told(one)) is not None:
                yield (one.id,), number

    return samples


def by(told: Callable[[Seen], Iterable[tuple[str, float]]]) -> Callable[[Fleet], Samples]:
    """Several numbers a destination, each under one more label."""

    def samples(fleet: Fleet) -> Samples:
        for one in fleet.destinations:
            for value, number in told(one):
                yield (one.id, value), number

    return samples


def one_hot(found: str, states: Iterable[str]) -> Iterator[tuple[str, float]]:
    """1 for the state that holds and 0 for the others."""
    return ((state, float(state == found)) for state in states)
