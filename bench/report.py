"""The table of a run: medians, and each ratio of the relay to its rival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from bench.events import event
from bench.system import Sizes

WIDTH = 118

ROWS = {
    "ingest_single": "ingest, one event a request (events/s)",
    "ingest_batch": "ingest, 100 events a request (events/s)",
    "drain": "backlog to Kable (events/s)",
    "sustained": "batches through ingest to Kable (events/s)",
    "p50_ms_200": "from send to Kable at 200/s, p50 (ms)",
    "p99_ms_200": "from send to Kable at 200/s, p99 (ms)",
    "p50_ms_1000": "from send to Kable at 1,000/s, p50 (ms)",
    "p99_ms_1000": "from send to Kable at 1,000/s, p99 (ms)",
    "messages_200": "Celery messages per event at 200/s",
    "messages_1000": "Celery messages per event at 1,000/s",
    "bytes": "store per waiting event (bytes)",
    "digest_bytes": "  of which deduplication (bytes)",
}


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one system under one `appendfsync`; a value for each round."""

    system: str
    fsync: str
    sizes: Sizes
    figures: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float | None:
        """None where this was not measured: the rival does not keep up with 1,000 events/s."""
        return median(self.figures[name]) if name in self.figures else None


def show(results: Sequence[Result], machine: Mapping[str, str]) -> None:
    """Print the table and what it was measured on."""
    console = Console(width=WIDTH, highlight=False)
    console.print(", ".join(f"{name}: {value}" for name, value in machine.items()))
    console.print(_table(results))
    console.print(_notes(results))


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("")
    for result in results:
        table.add_column(f"{result.system}\n{result.fsync}", justify="right")
    pairs = _pairs(results)
    for ours, _ in pairs:
        table.add_column(f"ratio\n{ours.fsync}", justify="right")
    for name, label in ROWS.items():
        values = [_shown(result.median(name)) for result in results]
        table.add_row(label, *values, *(_ratio(ours, rival, name) for ours, rival in pairs))
    return table


def _pairs(results: Sequence[Result]) -> list[tuple[Result, Result]]:
    """The relay and its rival under the same `appendfsync`."""
    return [
        (ours, rival)
        for ours in results
        for rival in results
        if ours.fsync == rival.fsync and (ours.system, rival.system) == ("relay", "rival")
    ]


def _ratio(ours: Result, rival: Result, name: str) -> str:
    value, divisor = ours.median(name), rival.median(name)
    return f"{_shown(value / divisor)}x" if value is not None and divisor else "-"


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _notes(results: Sequence[Result]) -> str:
    rounds = len(results[0].figures["drain"])
    busiest = max(max(result.figures["load_cpu"]) for result in results)
    size = len(event("relay-everysec-1-backlog", 0))
    return (
        "Always, everysec: the store's appendfsync. Ratio: relay / rival. "
        f"Median of {rounds} round{'s' if rounds > 1 else ''}.\n"
        f"Events of {size} bytes, each timed from when it was due, not from when it was sent.\n"
        "One ingest process, one Celery worker with 2 processes, store, sandbox and load "
        f"generator share the cores; the load generator used at most {busiest:.0%} of one.\n"
        "Every event of every measurement was counted at the sandbox: none missing, none twice."
    )
