"""What all scenarios share: a relay behind gates, a source, and the books at the end."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import redis

from app.clock import milliseconds
from app.log import Log
from app.store import connect
from tests.chaos import audit
from tests.chaos.ledger import Verdict, verdict
from tests.chaos.load import Load, Sent
from tests.chaos.plant import Plant, started
from tests.chaos.shown import PARTNERS
from tests.chaos.soak.gate import Gate, gate
from tests.chaos.watch import Watch

DRAIN_WITHIN_S = 150.0
EXAMPLES = 3

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a scenario ended: its figures, and what is wrong, which is nothing when it is good."""

    faults: tuple[str, ...]
    figures: Mapping[str, object] = field(default_factory=dict)


class Scene:
    """A relay, running; each partner stands behind a gate."""

    def __init__(
        self, plant: Plant, store: redis.Redis, gates: Mapping[str, Gate], say: Say
    ) -> None:
        self.plant = plant
        self.store = store
        self.gates = gates
        self.say = say
        self.sent = Sent()
        self.logs = {id_: Log(store, one) for id_, one in plant.settings.destinations.items()}
        self.random = Random(0)
        self.down_since = 0.0

    def load(self, rate: float) -> Load:
        """A source, to be started; its events are new ones of the same users."""
        return Load(self.plant.ingest_port, rate, self.random, first=len(self.sent))

    def stop(self, load: Load) -> Sent:
        """What it sent, which belongs to the books from now on."""
        sent = load.stop()
        self.sent |= sent
        return sent

    def steady(self, rate: float, seconds: float) -> Sent:
        """Events for so long; what was sent."""
        load = self.load(rate)
        load.start()
        time.sleep(seconds)
        return self.stop(load)

    def drained(self, *names: str, within_s: float = DRAIN_WITHIN_S) -> Iterator[str]:
        """Wait until nothing waits; a fault for each destination where something still does."""
        began = time.monotonic()
        for name in names or self.logs:
            if Watch(self.logs[name]).drained(began, within_s) is None:
                census = self.logs[name].census()
                yield (
                    f"{name}: expected all delivered within {within_s:g} s; {census.waiting} wait,"
                    f" {census.retrying} are to be tried again, {census.why or 'nothing holds it'}"
                )

    def books(self) -> Iterator[str]:
        """What is wrong in the books of each destination when all is drained."""
        for name, log in self.logs.items():
            found = self._verdict(name, log)
            yield from (f"{name}: {word}" for word in wrong(found))

    def _verdict(self, name: str, log: Log) -> Verdict:
        confirmed, unconfirmed = self.sent.confirmed.values(), self.sent.unconfirmed.values()
        show = partial(PARTNERS[name], self.plant.sandbox_url, (*confirmed, *unconfirmed))
        bound = audit.accepted(name, confirmed), audit.accepted(name, unconfirmed)
        return verdict(audit.books(self.store, log, name, bound[0], show, bound[1]))


@contextmanager
def scene(
    folder: Path, say: Say, workers: int = 2, told: Mapping[str, str] | None = None
) -> Iterator[Scene]:
    """A relay in an empty folder, with these settings beyond those of `relay dev`."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        plant = Plant(folder, workers, told=told)
        gates = {name: stack.enter_context(gate(plant.sandbox_url)) for name in PARTNERS}
        bases = {
            f"RELAY_DESTINATIONS__{name}__BASE_URL": f"{one.address}/{name}"
            for name, one in gates.items()
        }
        plant.tell(bases)
        began = milliseconds()
        stack.enter_context(started(plant, lambda: plant.flows(began)))
        store = stack.enter_context(connect(plant.store_url))
        yield Scene(plant, store, gates, say)


def wrong(found: Verdict) -> Iterator[str]:
    """What a verdict says, in words; nothing when it is good."""
    sets: Mapping[str, Sequence[str]] = {
        "lost": sorted(found.lost),
        "stuck": sorted(found.stuck),
        "billed twice": sorted(found.billed_twice),
        "contradicted": sorted(found.contradicted),
        "strange": sorted(found.strange),
    }
    for word, ids in sets.items():
        if ids:
            yield f"{word} {len(ids)}, such as {', '.join(ids[:EXAMPLES])}"
    if found.unaccounted:
        yield f"unaccounted {found.unaccounted}"
    if found.swept:
        yield f"swept {found.swept}"
