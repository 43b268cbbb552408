"""One run: load, kills, drain, and what the books say then."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import redis

from app.log import Log
from app.store import connect
from tests.chaos import audit
from tests.chaos.kept import Death
from tests.chaos.kills import Killer, order
from tests.chaos.ledger import Books, Verdict, summary, verdict
from tests.chaos.load import Load, Sent
from tests.chaos.plant import Plant, running
from tests.chaos.shown import PARTNERS
from tests.chaos.watch import Watch, watching
from tests.chaos.weather import KINDS, weather

DRAIN_WITHIN_S = 180.0
QUIET_WITHIN_S = 12.0  # a lease lasts ten seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do.

    The pause before each kill is random, `pause_s` on average. What was killed stays away for
    `away_s`. `sky` is a kind of weather.
    """

    seed: int
    kinds: Sequence[str]
    kills: int
    rate: float
    workers: int
    pause_s: float
    sky: str
    away_s: float = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to at one destination; `drained_s` is None when it never did."""

    verdict: Verdict
    books: Books
    longest_stall_s: float
    drained_s: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    found: Mapping[str, Found]
    kills: Counter[str]
    sent: Sent
    deaths: Sequence[Death]
    tracebacks: Counter[str]
    leftovers: Sequence[str]
    orphans: int
    under_load_s: float

    @property
    def kills_a_minute(self) -> float:
        return 60 * self.kills.total() / self.under_load_s

    @property
    def summary(self) -> str:
        return summary(found.verdict for found in self.found.values())

    @property
    def good(self) -> bool:
        return all(found.verdict.good for found in self.found.values())


def run(asked: Asked, folder: Path, say: Callable[[str], None]) -> Result:
    """Run in an empty folder, which keeps the logs of all parts."""
    random, started = Random(asked.seed), time.monotonic()
    kills = order(asked.kinds, asked.kills, random)
    with running(folder, asked.workers, asked.away_s) as plant, connect(plant.store_url) as store:
        logs = {name: Log(store, account) for name, account in plant.settings.destinations.items()}
        with ExitStack() as looks:
            watches = {name: looks.enter_context(watching(log)) for name, log in logs.items()}
            sent = under_load(plant, asked, kills, random, say)
            under_load_s = time.monotonic() - started
            say("the load has ended; waits for the drain")
            began = time.monotonic()
            drained = {name: watches[name].drained(began, DRAIN_WITHIN_S) for name in logs}
        return Result(
            {
                name: _found(plant, store, log, name, sent, watches[name], drained[name])
                for name, log in logs.items()
            },
            Counter(kills),
            sent,
            plant.deaths,
            plant.tracebacks(),
            audit.leftovers(store, logs, QUIET_WITHIN_S),
            plant.orphans,
            under_load_s,
        )


def _found(
    plant: Plant,
    store: redis.Redis,
    log: Log,
    name: str,
    sent: Sent,
    watch: Watch,
    drained_s: float | None,
) -> Found:
    events = (*sent.confirmed.values(), *sent.unconfirmed.values())
    confirmed = audit.accepted(name, sent.confirmed.values())
    unconfirmed = audit.accepted(name, sent.unconfirmed.values())
    show = partial(PARTNERS[name], plant.sandbox_url, events)
    books = audit.books(store, log, name, confirmed, show, unconfirmed)
    return Found(verdict(books), books, watch.longest_stall_s, drained_s)


def under_load(
    plant: Plant, asked: Asked, kills: Sequence[str], random: Random, say: Callable[[str], None]
) -> Sent:
    """Kill one after the other while events come; what was sent."""
    load = Load(plant.ingest_port, asked.rate, random)
    load.start()
    try:
        with ExitStack() as skies:
            for partner, moods in KINDS[asked.sky].items():
                skies.enter_context(weather(plant.sandbox_url, partner, moods, random))
            Killer(plant, random).run(kills, lambda: random.uniform(0, 2 * asked.pause_s), say)
    finally:
        sent = load.stop()
    return sent
