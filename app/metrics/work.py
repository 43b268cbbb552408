"""The metrics of pumps and what they send: attempts, how long things took, wakes, holds."""

import math
from collections.abc import Callable, Iterable, Mapping

from app.dead_letters.filter import REASONS
from app.figures import Figures, Histogram
from app.metrics.fleet import Fleet, Seen
from app.metrics.measure import Measure, Samples, Spread, Spreads, Timing, by, each

DESTINATION = ("destination",)


def _counted(told: Callable[[Figures], Mapping[str, int]]) -> Callable[[Fleet], Samples]:
    """The numbers of figures, each under its word."""
    return by(lambda one: told(one.figures).items())


def _buried(one: Seen) -> Iterable[tuple[str, float]]:
    return {**dict.fromkeys(REASONS, 0), **one.figures.buried}.items()


def _latencies(fleet: Fleet) -> Spreads:
    for one in fleet.destinations:
        for lane, histogram in one.figures.latency.items():
            yield (one.id, lane), _spread(histogram)


def _durations(fleet: Fleet) -> Spreads:
    return (((one.id,), _spread(one.figures.durations)) for one in fleet.destinations)


def _spread(histogram: Histogram) -> Spread:
    return Spread((*histogram.buckets, (math.inf, histogram.count)), histogram.seconds)


MEASURES = (
    Timing(
        "relay_delivery_latency_seconds",
        "From acceptance to delivery, retries and replays included.",
        ("destination", "lane"),
        _latencies,
    ),
    Timing(
        "relay_request_duration_seconds",
        "How long requests to the destination took.",
        DESTINATION,
        _durations,
    ),
    Measure(
        "counter",
        "relay_requests_finished",
        "Requests to the destination, by what they came to.",
        ("destination", "outcome"),
        _counted(lambda figures: figures.requests),
    ),
    Measure(
        "counter",
        "relay_attempts_finished",
        "Deliveries in these requests, each an attempt, by what it came to.",
        ("destination", "outcome"),
        _counted(lambda figures: figures.attempts),
    ),
    Measure(
        "counter",
        "relay_deliveries_retried",
        "Deliveries that failed for the first time and were put off.",
        DESTINATION,
        each(lambda one: one.standing.census.retried),
    ),
    Measure(
        "counter",
        "relay_deliveries_recovered",
        "Deliveries that were delivered after a retry.",
        DESTINATION,
        each(lambda one: one.standing.census.delivered_after_retry),
    ),
    Measure(
        "counter",
        "relay_deliveries_buried",
        "Deliveries that became dead letters, whatever an operator decided since.",
        ("destination", "reason"),
        by(_buried),
    ),
    Measure(
        "counter",
        "relay_wakes_requested",
        "Wakes that were asked for, because work was due that nobody did.",
        DESTINATION,
        each(lambda one: one.figures.wakes),
    ),
    Measure(
        "counter",
        "relay_pumps_begun",
        "Pumps that leased partitions.",
        DESTINATION,
        each(lambda one: one.figures.pumps),
    ),
    Measure(
        "counter",
        "relay_pump_seconds",
        "The time of pumps that ended.",
        DESTINATION,
        each(lambda one: one.figures.pump_seconds),
    ),
    Measure(
        "counter",
        "relay_pump_busy_seconds",
        "The same without the time in which they only listened.",
        DESTINATION,
        each(lambda one: one.figures.busy_seconds),
    ),
    Measure(
        "counter",
        "relay_destination_holds",
        "Holds of the destination, by their cause.",
        ("destination", "cause"),
        _counted(lambda figures: figures.holds),
    ),
    Measure(
        "counter",
        "relay_breaker_openings",
        "Rows of failures that opened the circuit breaker.",
        DESTINATION,
        each(lambda one: one.figures.openings),
    ),
    Measure(
        "counter",
        "relay_destination_pauses",
        "Pauses, by who paused the destination.",
        ("destination", "by"),
        _counted(lambda figures: figures.pauses),
    ),
)
