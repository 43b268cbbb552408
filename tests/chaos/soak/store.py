"""The store restarts, fills up and freezes."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.kills import Killer
from tests.chaos.load import Load
from tests.chaos.soak.scene import Ending, Say, Scene, scene
from tests.chaos.weather import answer_well, answer_with
from tests.processes import wait_until

RATE = 150
FILLING_RATE = 600
FILLING_BYTES = 2_000_000
# Ingest looks at the memory once a second: a tenth of the limit is to be more than comes in one.
BALLAST_BYTES = 20_000_000
FULL_WITHIN_S = 60.0
RESTARTS = 3
FROZEN_S = 10.0


def store(folder: Path, say: Say, restarts: int = RESTARTS, frozen_s: float = FROZEN_S) -> Ending:
    """All three, one after the other, under load."""
    faults: list[str] = []
    with scene(folder, say) as one:
        _restarted(one, restarts)
        faults += one.drained()
        faults += _filled(one)
        faults += one.drained()
        _frozen(one, frozen_s)
        faults += one.drained()
        faults += one.books()
        answers = one.sent.answers
        if answers["503 without Retry-After"]:
            faults.append("a 503 came without a whole number as Retry-After")
    listed = ", ".join(f"{word} {n}" for word, n in sorted(answers.items()))
    return Ending(tuple(faults), {"answers": listed, "never confirmed": len(one.sent.unconfirmed)})


def _restarted(one: Scene, times: int) -> None:
    load = _running(one, RATE)
    Killer(one.plant, one.random).run(["store"] * times, lambda: 1.0, one.say)
    one.stop(load)


def _filled(one: Scene) -> Iterator[str]:
    """It fills while both destinations are down, and drains when they are back."""
    for name in one.logs:
        answer_with(one.plant.sandbox_url, name, {"status": 503})
    one.store.set("ballast", bytes(BALLAST_BYTES))
    limit = int(one.store.info("memory")["used_memory"] / 0.9) + FILLING_BYTES
    one.store.config_set("maxmemory", limit)
    load = _running(one, FILLING_RATE)
    try:
        wait_until(lambda: load.answers()["503"] > 0, within=FULL_WITHIN_S)
    except AssertionError:
        yield f"store: expected 503 at {limit:,} bytes within {FULL_WITHIN_S:g} s"
    one.say(f"the store is full at {one.store.info('memory')['used_memory']:,} of {limit:,} bytes")
    time.sleep(2)
    for name in one.logs:
        answer_well(one.plant.sandbox_url, name)
    confirmed = load.answers()["200"]
    try:
        wait_until(lambda: load.answers()["200"] > confirmed + 10, within=FULL_WITHIN_S)
    except AssertionError:
        yield f"store: expected 200 again within {FULL_WITHIN_S:g} s after it drained"
    one.stop(load)
    refused = one.store.info("errorstats").get("errorstat_OOM", {}).get("count", 0)
    if refused:
        yield f"store: expected ingest to answer 503 before the store refuses; {refused} refused"
    yield from one.drained()
    one.store.config_set("maxmemory", 0)
    one.store.delete("ballast")


def _frozen(one: Scene, seconds: float) -> None:
    load = _running(one, RATE)
    time.sleep(1)
    pid = one.plant.kept["store"].pid
    one.say(f"the store is frozen for {seconds:g} s")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    time.sleep(1)
    one.stop(load)


def _running(one: Scene, rate: float) -> Load:
    load = one.load(rate)
    load.start()
    return load
