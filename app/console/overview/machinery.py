"""What the relay runs on: workers, beat and the store, as the overview tells of them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from nicegui import ui

from app.append import MEMORY_MARK
from app.console.banner import hints
from app.console.overview.card import FactLine
from app.console.overview.cards import Fact, Tone
from app.console.watch import Look
from app.console.widgets import length, table, whole
from app.findings import Finding
from app.wake import queue_name

COLUMNS: Final = ("queue", "served", "pumps", "destinations")
MIB: Final = 1024 * 1024


class Queue(NamedTuple):
    """A Celery queue: whether workers consume it, and which pumps run by it now."""

    id: str
    queue: str
    served: str
    pumps: str
    destinations: str


class Machinery:
    """Changes where something has."""

    def __init__(self) -> None:
        self._lines: dict[str, FactLine] = {}
        ui.label("Workers").classes("relay-section").props("role=heading aria-level=2")
        self._workers = ui.element("dl").classes("relay-lines")
        self._table = table(COLUMNS, [], links={})
        ui.label("Store").classes("relay-section").props("role=heading aria-level=2")
        self._store = ui.element("dl").classes("relay-lines")

    def show(self, look: Look) -> None:
        self._tell(self._workers, workers(look))
        found = [queue._asdict() for queue in queues(look)]
        if found != self._table.rows:
            self._table.rows = found
        self._tell(self._store, store(look))

    def _tell(self, where: ui.element, facts: Iterator[Fact]) -> None:
        for fact in facts:
            if fact.name in self._lines:
                self._lines[fact.name].show(fact)
            else:
                with where:
                    self._lines[fact.name] = FactLine(fact)


def workers(look: Look) -> Iterator[Fact]:
    """Who is at work. Pure."""
    found, ticked_at = look.presence.workers, look.presence.ticked_at
    pumps = sum(one.account.pumps for one in look.standings if one.configured)
    processes = sum(found.values())
    told = f"{len(found)} with {processes} processes, for at most {pumps} pumps"
    yield Fact("workers", told if found else "none", "" if found else "bad")
    yield Fact("worth knowing", "; ".join(f"{one.found}: {one.advice}" for one in hints(look)))
    age = None if ticked_at is None else max(0, look.at - ticked_at) / 1000
    late = any(one.part == "beat" and one.state != "ok" for one in look.findings)
    ago = "just now" if age is not None and age < 1 else f"{length(age)} ago"
    ticked = "has not ticked within a day" if age is None else f"ticked {ago}"
    yield Fact("beat", ticked, "bad" if late else "")


def queues(look: Look) -> list[Queue]:
    """Every queue that a destination of the settings names. Pure."""
    named: dict[str, list[str]] = {}
    pumps: dict[str, list[str]] = {}
    for one in look.standings:
        if one.configured:
            queue = queue_name(one.account.queue)
            named.setdefault(queue, []).append(one.account.id)
            running = f"{one.census.pumps} of {one.account.pumps}"
            pumps.setdefault(queue, []).append(f"{one.account.id} {running}")
    return [
        Queue(
            queue,
            queue,
            "yes" if queue in look.presence.queues else "no worker consumes it",
            ", ".join(pumps[queue]),
            ", ".join(ids),
        )
        for queue, ids in sorted(named.items())
    ]


def store(look: Look) -> Iterator[Fact]:
    """What it keeps, how safely, and how much more it can take. Pure."""
    used, limit = look.memory.used, look.memory.limit
    told = f"{whole(used // MIB)} MiB used"
    if limit:
        mark = f"ingest answers 503 above {MEMORY_MARK:.0%}"
        told += f" of {whole(limit // MIB)} MiB ({used / limit:.0%}); {mark}"
    yield Fact("memory", told if look.memory.used else "")
    for part in ("store", "durability"):
        found = [one for one in look.findings if one.part == part]
        yield Fact(part, "; ".join(one.found for one in found), _tone(found))


def _tone(found: Iterable[Finding]) -> Tone:
    """That of the worst."""
    states = {one.state for one in found}
    return "bad" if "failed" in states else "fair" if "warning" in states else ""
