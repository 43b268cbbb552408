"""Times verbs, and tells what their calls cost the store from what the machine was busy with."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import redis

from app.scripts import FOLDER, digest

BLOCKED_MS = 10.0
LISTED_MS = 200.0
PAINTED_MS = 1_000.0
ASKED_MS = 5_000.0  # a dialog counts, and shows how far it is
NEAR_US = 1_000
SLOW_KEPT = 10_000
TIMES = 5
ROUNDS = 4
LONG_MS = 2_000.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the store: what, how long it took, and what the store computed meanwhile.

    On a machine that is shared the store waits for a core in the middle of a call.
    """

    what: str
    ms: float
    computed_ms: float = 0.0

    @property
    def own_ms(self) -> float:
        """What it cost at most, without the wait for a core."""
        return min(self.ms, self.computed_ms)


NO_CALL = Call("below 1 ms", 0.0)


@dataclass(frozen=True, slots=True)
class Timed:
    """What a verb took, at the client and in the store; `near` counts its calls over 1 ms.

    `most_ms` is what its median may be. `rounds` is how often it was measured: again, on its own,
    when it was over a mark.
    """

    verb: str
    p50_ms: float
    max_ms: float
    slowest: Call
    near: int
    over: int
    times: int
    rounds: int = 1
    most_ms: float = LISTED_MS

    @property
    def is_good(self) -> bool:
        return self.slowest.own_ms <= BLOCKED_MS and self.p50_ms <= self.most_ms


class Stopwatch:
    """Times what is done with one store, whose process is on this machine."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._schedule = Path(f"/proc/{store.info('server')['process_id']}/schedstat")
        store.config_set("slowlog-log-slower-than", NEAR_US)
        store.config_set("slowlog-max-len", SLOW_KEPT)

    def timed(self, verb: str, act: Callable[[], object], most_ms: float = LISTED_MS) -> Timed:
        """A verb that may be repeated: the best round counts, for the machine is shared."""
        best = self._round(verb, act, most_ms)
        for number in range(2, ROUNDS + 1):
            if best.is_good or best.p50_ms > LONG_MS:
                break
            found = self._round(verb, act, most_ms)
            best = replace(
                min(found, best, key=lambda one: max(one.slowest.own_ms * 20, one.p50_ms)),
                rounds=number,
            )
        return best

    def stepped(self, verb: str, steps: Iterator[object]) -> Timed:
        """A verb that changes something, step by step: each step is one time."""
        took: list[float] = []
        calls: list[Call] = []
        while True:
            began, computed = time.perf_counter(), self._computed()
            self._store.slowlog_reset()
            if next(steps, None) is None:
                break
            took.append((time.perf_counter() - began) * 1_000)
            calls += self._calls(self._computed() - computed)
        return replace(_told(verb, took, calls), most_ms=inf)

    def _round(self, verb: str, act: Callable[[], object], most_ms: float) -> Timed:
        took: list[float] = []
        calls: list[Call] = []
        for _ in range(TIMES):
            self._store.slowlog_reset()
            began, computed = time.perf_counter(), self._computed()
            act()
            took.append((time.perf_counter() - began) * 1_000)
            calls += self._calls(self._computed() - computed)
            if took[0] > LONG_MS:
                break
        return replace(_told(verb, took, calls), most_ms=most_ms)

    def _computed(self) -> float:
        """How long the store's main thread had a core, in ms since it began."""
        return int(self._schedule.read_text().split()[0]) / 1e6

    def _calls(self, computed_ms: float) -> Iterator[Call]:
        """The calls over 1 ms since the log was reset."""
        for one in self._store.slowlog_get(SLOW_KEPT):
            yield Call(_name(one["command"]), one["duration"] / 1_000, computed_ms)


def _told(verb: str, took: list[float], calls: list[Call]) -> Timed:
    ordered = sorted(took) or [0.0]
    slowest = max(calls, key=lambda call: call.own_ms, default=NO_CALL)
    over = sum(call.own_ms > BLOCKED_MS for call in calls)
    middle = ordered[len(ordered) // 2]
    return Timed(verb, middle, ordered[-1], slowest, len(calls), over, len(took))


def _name(command: bytes) -> str:
    """The command and its key, or the script that it ran."""
    words = command.decode(errors="replace").split()
    if words[0].startswith("EVAL"):
        return _scripts().get(words[1], words[0])
    return " ".join(words[:2])


def _scripts() -> dict[str, str]:
    names = (path.stem for path in FOLDER.glob("*.lua"))
    return {digest(name): f"{name}.lua" for name in names if name != "prelude"}
