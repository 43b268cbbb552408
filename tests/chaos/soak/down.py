"""One destination is down all the time while the other gets steady events."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.chaos.soak.arrivals import (
    Pace,
    came_at,
    is_probe,
    moment,
    out_of_order,
    received,
)
from tests.chaos.soak.scene import Ending, Say, Scene, scene
from tests.chaos.weather import answer_well, answer_with

RATE = 150
SECONDS = 8.0
OTHER = {"kable": "kana", "kana": "kable"}
# Judged generously: the cores are shared with the load and with whatever else runs.
RATE_MIN, P50_MAX, P99_MAX = 0.95, 2.0, 3.0
P50_MORE_MS, P99_MORE_MS = 50, 250


def down(
    folder: Path,
    say: Say,
    seconds: float = SECONDS,
    names: Sequence[str] = tuple(OTHER),
    *,
    judge_pace: bool = True,
) -> Ending:
    """Each destination in its turn refuses connections, answers 503, and hangs."""
    faults: list[str] = []
    figures: dict[str, object] = {}
    for name in names:
        with scene(folder / name, say) as one:
            other = OTHER[name]
            paces = dict(_paces(one, name, other, seconds, faults))
            faults += _probes_only(one, name)
            answer_well(one.plant.sandbox_url, name)
            faults += one.drained()
            faults += one.books()
            late = list(out_of_order(name, received(one.plant.sandbox_url, name)))
            if late:
                faults.append(f"{name}: {len(late)} came out of order, such as {late[0]}")
            faults += _slower(other, name, paces) if judge_pace else ()
            figures |= {f"{other} while {name} {mood}": _told(p) for mood, p in paces.items()}
    return Ending(tuple(faults), figures)


def _paces(
    one: Scene, name: str, other: str, seconds: float, faults: list[str]
) -> Iterator[tuple[str, Pace]]:
    """The pace of the other destination in each mood of this one."""
    one.steady(RATE, 2)
    faults += one.drained()
    yield "is well", _measured(one, other, seconds)
    faults += one.drained()
    url = one.plant.sandbox_url
    moods: Mapping[str, Callable[[], None]] = {
        "refuses connections": one.gates[name].shut,
        "answers 503": lambda: _back(one, name),
        "hangs": lambda: answer_with(url, name, {"mode": "hang"}),
    }
    one.down_since = time.time()
    for mood, begin in moods.items():
        one.say(f"{name} {mood}")
        begin()
        yield mood, _measured(one, other, seconds)


def _back(one: Scene, name: str) -> None:
    """In this order, or a probe might find it well."""
    answer_with(one.plant.sandbox_url, name, {"status": 503})
    one.gates[name].open()


def _measured(one: Scene, other: str, seconds: float) -> Pace:
    sent = one.steady(RATE, seconds)
    for fault in one.drained(other):
        raise AssertionError(fault)
    return Pace.of(sent.sent_at, came_at(other, received(one.plant.sandbox_url, other)))


def _probes_only(one: Scene, name: str) -> Iterator[str]:
    since = [
        request
        for request in received(one.plant.sandbox_url, name)
        if moment(request) >= one.down_since
    ]
    events = [request for request in since if not is_probe(name, request)]
    one.say(f"{name} got {len(since)} requests while it was down, {len(events)} with events")
    if events:
        yield f"{name}: expected probes only while it is down; {len(events)} had events"


def _slower(other: str, name: str, paces: Mapping[str, Pace]) -> Iterator[str]:
    well = paces["is well"]
    for mood, pace in paces.items():
        if (
            pace.rate < RATE_MIN * well.rate
            or pace.p50_ms > P50_MAX * well.p50_ms + P50_MORE_MS
            or pace.p99_ms > P99_MAX * well.p99_ms + P99_MORE_MS
        ):
            yield f"{other} is slower while {name} {mood}: {_told(pace)}, else {_told(well)}"


def _told(pace: Pace) -> str:
    return f"{pace.rate:.0f}/s, p50 {pace.p50_ms:.0f} ms, p99 {pace.p99_ms:.0f} ms"
