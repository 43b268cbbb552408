"""Who dies when: SIGKILL for a process of a chosen kind, and whether it is back.

A frozen one is not killed: it stands still until its leases are over, and then goes on.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

import redis

from app import presence
from app.clock import milliseconds
from app.store import connect
from tests.chaos.kept import Kept
from tests.chaos.plant import CONCURRENCY, Plant
from tests.processes import wait_until

KINDS = ("worker-parent", "worker-child", "worker-frozen", "ingest", "beat", "store")
BACK_WITHIN_S = 40.0
# Longer than a lease of 10 s.
FROZEN_S = 12.5

Back = Callable[[], bool]


class NotBack(Exception):
    """What was killed did not come back."""


def order(kinds: Sequence[str], times: int, random: Random) -> list[str]:
    """Every kind so many times, shuffled."""
    kills = [kind for kind in kinds for _ in range(times)]
    random.shuffle(kills)
    return kills


class Killer:
    """Kills in a plant; a kind is killed again only when its last victim is back."""

    def __init__(self, plant: Plant, random: Random) -> None:
        self._plant = plant
        self._random = random
        self._back: dict[str, Back] = {}

    def run(
        self, kinds: Sequence[str], pause: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        """Kill these one after the other, a pause (s) before each; return when all are back."""
        for number, kind in enumerate(kinds, 1):
            time.sleep(pause())
            self._wait(kind)
            killed = self._kill(kind)
            say(f"{number}/{len(kinds)} {kind} {killed}")
        for kind in tuple(self._back):
            self._wait(kind)

    def _wait(self, kind: str) -> None:
        back = self._back.pop(kind, None)
        if back is None:
            return
        try:
            wait_until(lambda: _holds(back), within=BACK_WITHIN_S)
        except AssertionError:
            raise NotBack(f"{kind}: expected it back {BACK_WITHIN_S:g} s after its kill") from None

    def _kill(self, kind: str) -> int:
        """Kill one of a kind; its process id."""
        match kind:
            case "worker-parent":
                kept = self._random.choice(self._plant.workers)
                self._back[kind] = _again(kept, lambda: len(kept.children()) == CONCURRENCY)
            case "worker-child":
                return self._kill_child(kind)
            case "worker-frozen":
                return self._freeze_child(kind)
            case "ingest":
                kept = self._plant.kept[kind]
                self._back[kind] = _again(kept, self._plant.ready)
            case "beat":
                kept, since = self._plant.kept[kind], milliseconds() + 1
                self._back[kind] = _again(kept, lambda: self._ticks(since))
            case _:
                kept = self._plant.kept[kind]
                self._back[kind] = _again(kept, self._stores)
        return kept.kill()

    def _kill_child(self, kind: str) -> int:
        """The worker is to have filled its place."""
        kept, victim = self._child()
        _signal(victim, signal.SIGKILL)
        self._back[kind] = lambda: (
            len(kept.children()) == CONCURRENCY and victim not in kept.children()
        )
        return victim

    def _freeze_child(self, kind: str) -> int:
        _, victim = self._child()
        _signal(victim, signal.SIGSTOP)
        thaw = threading.Timer(FROZEN_S, _signal, (victim, signal.SIGCONT))
        thaw.daemon = True
        thaw.start()
        self._back[kind] = lambda: not thaw.is_alive()
        return victim

    def _child(self) -> tuple[Kept, int]:
        """A worker and a process of its pool."""
        wait_until(
            lambda: any(kept.children() for kept in self._plant.workers), within=BACK_WITHIN_S
        )
        kept = self._random.choice([kept for kept in self._plant.workers if kept.children()])
        return kept, self._random.choice(kept.children())

    def _ticks(self, since: int) -> bool:
        with connect(self._plant.store_url) as store:
            return presence.ticking(store, since)

    def _stores(self) -> bool:
        with connect(self._plant.store_url) as store:
            return bool(store.ping())


def _again(kept: Kept, up: Back) -> Back:
    """Whether a later process than the present one runs and is up."""
    generation = kept.generation
    return lambda: kept.generation > generation and up()


def _signal(victim: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(victim, number)


def _holds(back: Back) -> bool:
    """With the store away it does not."""
    with suppress(redis.RedisError):
        return back()
    return False
