"""What one destination costs the other: both get steady events, one of them is out of order."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from statistics import quantiles

from rich import box
from rich.console import Console
from rich.table import Table

from app.keys import destination_key
from bench.partner import Partner
from bench.stack import DELIVERED_S, Stack, running
from bench.system import RELAY, System

RATE = 200
STEADY_S = 7
QUICK_STEADY_S = 4
WARM_UP_S = 1
PROCESSES = 4
WELL = "is well"
AWAY = "refuses connections"
MOODS: Mapping[str, Mapping[str, object]] = {
    "answers 503": {"status": 503},
    "hangs": {"mode": "hang"},
}
OTHER = {"kable": "kana", "kana": "kable"}
NAMES = {"kable": "Kable", "kana": "Kana"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What arrived at a destination (events/s), and how long after it was due (ms)."""

    destination: str
    other: str
    rate: float
    p50_ms: float
    p99_ms: float


def system(processes: int = PROCESSES) -> System:
    """The relay with as many worker processes as `relay dev` has."""
    parts = {
        name: command.replace("--concurrency 2", f"--concurrency {processes}")
        for name, command in RELAY.parts.items()
    }
    busy = tuple(destination_key(name, key) for name in OTHER for key in ("ready", "pumps"))
    return replace(RELAY, parts=parts, busy=busy)


def isolation(*, quick: bool, processes: int = PROCESSES) -> list[Figures]:
    """Each destination while the other is well, and then while it is not."""
    seconds = QUICK_STEADY_S if quick else STEADY_S
    found: list[Figures] = []
    with running(system(processes), kana=True) as stack:
        for name in OTHER:
            for other in (WELL, AWAY, *MOODS):
                stack.rest()
                found.append(_measured(stack, name, other, seconds))
    return found


def _measured(stack: Stack, name: str, other: str, seconds: int) -> Figures:
    partner, events = stack.partners[name], RATE * seconds
    with _mood(stack, OTHER[name], other):
        sent = stack.send(f"{name}-{other.replace(' ', '-')}", events, rate=RATE)
        stack.wait_for(lambda: partner.usage().count >= events, f"{events} at {name}", DELIVERED_S)
        arrivals = partner.arrivals()
    late = [arrivals[i] - sent.began - i / RATE for i in range(WARM_UP_S * RATE, events)]
    cuts = quantiles(late, n=100)
    took = max(arrivals.values()) - sent.began
    return Figures(name, other, events / took, cuts[49] * 1_000, cuts[98] * 1_000)


def _mood(stack: Stack, name: str, mood: str) -> AbstractContextManager[None]:
    if mood == WELL:
        return nullcontext()
    if mood == AWAY:
        return stack.away(name)
    return _misbehaving(stack.partners[name], MOODS[mood])


@contextmanager
def _misbehaving(partner: Partner, how: Mapping[str, object]) -> Iterator[None]:
    partner.misbehave(how)
    try:
        yield
    finally:
        partner.behave()


def show(console: Console, found: list[Figures]) -> None:
    """Print a row for each, and its ratio to the row where the other is well."""
    table = Table(box=box.SIMPLE)
    for title in ("", "events/s", "ratio", "p50 (ms)", "ratio", "p99 (ms)", "ratio"):
        table.add_column(title, justify="right" if title else "left")
    well = {one.destination: one for one in found if one.other == WELL}
    for one in found:
        base = well[one.destination]
        pairs = (one.rate, base.rate), (one.p50_ms, base.p50_ms), (one.p99_ms, base.p99_ms)
        words = [word for value, of in pairs for word in (f"{value:.1f}", f"{value / of:.2f}x")]
        table.add_row(f"{NAMES[one.destination]} while {_other(one)}", *words)
    console.print(table)
    console.print(
        f"Every event goes to both, {RATE}/s, appendfsync always, a worker with {PROCESSES} "
        "processes. Ratio: to the row\nwhere the other destination is well. "
        "Every event was counted at the destination that is measured."
    )


def _other(one: Figures) -> str:
    return f"{NAMES[OTHER[one.destination]]} {one.other}"
