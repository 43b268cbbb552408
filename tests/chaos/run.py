"""One run: load, kills, drain, and what the books say then."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

from app.log import Log
from app.store import connect
from tests.chaos import audit
from tests.chaos.kills import Killer, order
from tests.chaos.ledger import Verdict, verdict
from tests.chaos.load import Load, Sent
from tests.chaos.plant import Death, Plant, running
from tests.chaos.watch import Watch
from tests.chaos.weather import Weather

DRAIN_WITHIN_S = 60.0
QUIET_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do.

    The pause before each kill is random, `pause_s` on average; `calm` leaves the destination well.
    What was killed stays away for `away_s`.
    """

    seed: int
    kinds: Sequence[str]
    kills: int
    rate: float
    workers: int
    pause_s: float
    calm: bool
    away_s: float = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to; `drained_s` is None when it never did."""

    verdict: Verdict
    kills: Counter[str]
    sent: Sent
    delivered: int
    dead: int
    duplicates: int
    longest_stall_s: float
    drained_s: float | None
    deaths: Sequence[Death]
    tracebacks: Counter[str]
    leftovers: Sequence[str]
    orphans: int


def run(asked: Asked, folder: Path, say: Callable[[str], None]) -> Result:
    """Run in an empty folder, which keeps the logs of all parts."""
    random = Random(asked.seed)
    kills = order(asked.kinds, asked.kills, random)
    with running(folder, asked.workers, asked.away_s) as plant, connect(plant.store_url) as store:
        log = Log(store, plant.settings.destinations[audit.DESTINATION])
        with Watch(log) as watch:
            sent = _under_load(plant, asked, kills, random, say)
            say("the load has ended; waits for the drain")
            drained_s = watch.drained(DRAIN_WITHIN_S)
        billed = audit.usage(plant.sandbox_url)
        books = audit.books(store, log, sent.confirmed, billed)
        return Result(
            verdict(books),
            Counter(kills),
            sent,
            len(books.billed),
            len(books.dead),
            billed["duplicates"],
            watch.longest_stall_s,
            drained_s,
            plant.deaths,
            _tracebacks(plant),
            audit.leftovers(store, QUIET_WITHIN_S),
            sum(kept.orphans() for kept in plant.kept.values()),
        )


def _under_load(
    plant: Plant, asked: Asked, kills: Sequence[str], random: Random, say: Callable[[str], None]
) -> Sent:
    load = Load(plant.ingest_port, asked.rate, random)
    load.start()
    weather = nullcontext() if asked.calm else Weather(plant.sandbox_url, random)
    try:
        with weather:
            Killer(plant, random).run(kills, lambda: random.uniform(0, 2 * asked.pause_s), say)
    finally:
        sent = load.stop()
    return sent


def _tracebacks(plant: Plant) -> Counter[str]:
    """How many each part has written."""
    counts = {
        name: kept.log.read_text(errors="replace").count("Traceback (most recent call last)")
        for name, kept in plant.kept.items()
    }
    return +Counter(counts)
