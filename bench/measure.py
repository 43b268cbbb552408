"""The measurements, each on a stack that rests; every one counts what came out at the sandbox."""

import time
from collections.abc import Callable
from statistics import quantiles

from bench.stack import Stack
from bench.system import Sizes

BATCH = 100
WARM_UP_S = 1

Figures = dict[str, float]
Measurement = Callable[[Stack, Sizes, str], Figures]


def single(stack: Stack, sizes: Sizes, label: str) -> Figures:
    """Requests with one event, while the worker stands still."""
    with stack.frozen():
        sent = stack.send(label, sizes.single)
    stack.wait_delivered(sizes.single)
    return {"ingest_single": sizes.single / sent.seconds, "load_cpu": sent.cpu / sent.seconds}


def backlog(stack: Stack, sizes: Sizes, label: str) -> Figures:
    """Batches while the worker stands still; then it moves what has gathered."""
    events, before, digests = sizes.backlog, stack.memory(), stack.digest_memory()
    with stack.frozen():
        sent = stack.send(label, events, BATCH)
        grown, digests = stack.memory() - before, stack.digest_memory() - digests
        began = time.time()
    ended = stack.wait_delivered(events)
    return {
        "ingest_batch": events / sent.seconds,
        "drain": events / (ended - began),
        "bytes": grown / events,
        "digest_bytes": digests / events,
    }


def sustained(stack: Stack, sizes: Sizes, label: str) -> Figures:
    """Batches as fast as they are taken, from the first request to the last delivery."""
    sent = stack.send(label, sizes.sustained, BATCH)
    return {"sustained": sizes.sustained / (stack.wait_delivered(sizes.sustained) - sent.began)}


def steady(stack: Stack, sizes: Sizes, label: str) -> Figures:
    """Single requests at steady rates, each timed from the moment at which it was due."""
    figures: Figures = {}
    for rate in sizes.rates:
        stack.rest()
        events, messages = rate * sizes.steady_s, stack.messages()
        sent = stack.send(f"{label}-{rate}", events, rate=rate)
        stack.wait_delivered(events)
        arrivals = stack.partner.arrivals()
        measured = range(WARM_UP_S * rate, events)
        cuts = quantiles([arrivals[i] - sent.began - i / rate for i in measured], n=100)
        figures[f"p50_ms_{rate}"] = cuts[49] * 1_000
        figures[f"p99_ms_{rate}"] = cuts[98] * 1_000
        figures[f"messages_{rate}"] = (stack.messages() - messages) / events
    return figures


MEASUREMENTS: tuple[Measurement, ...] = (backlog, single, sustained, steady)
