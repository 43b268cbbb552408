"""Run the measurements: `python -m bench [--quick] [--json FILE]`; 1 when one failed."""

import argparse
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import msgspec
from rich.console import Console

from bench.isolation import Figures, isolation
from bench.isolation import show as show_isolation
from bench.machine import machine, store_version
from bench.measure import MEASUREMENTS
from bench.processes import FailedError
from bench.report import WIDTH, Result, show
from bench.stack import Stack, running
from bench.system import RELAY, RIVAL

ROUNDS = 3
FSYNCS = ("always", "everysec")

progress = Console(stderr=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the relay beside its rival."
    )
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument(
        "--isolation", action="store_true", help="only what one destination costs the other"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    facts, results = machine(), []
    apart: list[Figures] = []
    try:
        for system in () if options.isolation else (RELAY, RIVAL):
            with running(system) as stack:
                facts["valkey"] = store_version(stack.store)
                fsyncs = FSYNCS[:1] if options.quick and system is RIVAL else FSYNCS
                results += [measured(stack, fsync, quick=options.quick) for fsync in fsyncs]
        progress.print("isolation", style="dim")
        apart = isolation(quick=options.quick)
    except FailedError as failed:
        progress.print(f"failed: {failed}", style="red", markup=False)
        return 1
    if results:
        show(results, facts)
    show_isolation(Console(width=WIDTH, highlight=False), apart)
    if options.json:
        raw = {"machine": facts, "results": [asdict(result) for result in results]}
        raw["isolation"] = [asdict(one) for one in apart]
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(raw)) + b"\n")
    return 0


def measured(stack: Stack, fsync: str, *, quick: bool) -> Result:
    """All measurements on a running system, each in every round."""
    system = stack.system
    sizes = system.quick if quick else system.full
    figures: dict[str, list[float]] = {}
    stack.use(fsync)
    for number in range(1, 2 if quick else ROUNDS + 1):
        for measurement in MEASUREMENTS:
            label = f"{system.name}-{fsync}-{number}-{measurement.__name__}"
            progress.print(label, style="dim")
            stack.rest()
            for name, value in measurement(stack, sizes, label).items():
                figures.setdefault(name, []).append(value)
    return Result(system.name, fsync, sizes, figures)


if __name__ == "__main__":
    sys.exit(main())
