"""The processes of a system as `relay dev` runs them, each started again when it dies."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.clock import milliseconds
from app.destinations import ACCOUNTS
from app.dev import Options, parts
from app.dev_folder import configure
from app.readiness import answering, obstacles, standing_still
from app.settings import Settings, load
from app.store import connect
from app.supervisor import Part
from tests.chaos.kept import Death, Kept
from tests.processes import free_port, unwatched, wait_until

CONCURRENCY = 2
UP_WITHIN_S = 60.0
# The parts run in the plant's folder, and the rival lies among the tests.
ROOT = Path(__file__).parents[2]
TRACEBACK = "Traceback (most recent call last)"

Parts = Callable[[Options], Iterable[Part]]


def relay_parts(options: Options) -> tuple[Part, ...]:
    """Without the console, which moves nothing."""
    return tuple(part for part in parts(options, own_store=True) if part.name != "console")


class Plant:
    """All parts, running, with the addresses at which they are found.

    `told` are settings beyond those of `relay dev`, as RELAY_* names them.
    """

    def __init__(
        self,
        folder: Path,
        workers: int,
        away_s: float = 0,
        told: Mapping[str, str] | None = None,
        system: Parts = relay_parts,
    ) -> None:
        (folder / "store").mkdir()
        options = Options(
            ingest_port=free_port(),
            console_port=free_port(),
            sandbox_port=free_port(),
            store_port=free_port(),
            folder=folder,
            workers=CONCURRENCY,
        )
        self._options = options
        configuration = configure(
            folder, store_port=options.store_port, sandbox_port=options.sandbox_port
        )
        self._told = {"RELAY_CONFIG": str(configuration), **(told or {})}
        self.settings: Settings = load(ACCOUNTS, path=configuration, environ=told or {})
        self.ingest_port = options.ingest_port
        self.console_url = options.console_url
        self.sandbox_url = options.sandbox_url
        self.store_url = self.settings.store_url.get_secret_value()
        self.kept: dict[str, Kept] = {}
        self._away_s = away_s
        self._wanted = _several_workers(system(options), workers)

    @property
    def workers(self) -> list[Kept]:
        return [kept for name, kept in self.kept.items() if name.startswith("worker")]

    @property
    def deaths(self) -> list[Death]:
        return [death for kept in self.kept.values() for death in kept.deaths]

    @property
    def orphans(self) -> int:
        return sum(kept.orphans() for kept in self.kept.values())

    def tracebacks(self) -> Counter[str]:
        """How many each part has written."""
        return +Counter(
            {
                name: kept.log.read_text(errors="replace").count(TRACEBACK)
                for name, kept in self.kept.items()
            }
        )

    def tell(self, more: Mapping[str, str]) -> None:
        """Add to the environment of what is yet to start."""
        self._told |= more

    def start(self) -> None:
        environ = {name: word for name, word in unwatched().items() if "RELAY" not in name}
        environ |= {
            **self._told,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        for part in self._wanted:
            self.kept[part.name] = Kept(part, self._options.folder, environ, self._away_s)

    def end(self) -> None:
        for kept in self.kept.values():
            kept.end()

    def ready(self) -> bool:
        """Whether ingest would accept an event now."""
        return not any(answering("ingest", f"{self._options.ingest_url}/readyz"))

    def flows(self, since: int) -> bool:
        """Whether a delivery can flow, going by what announced itself since then (ms)."""
        with connect(self.store_url) as store:
            return not (
                any(obstacles(store, self.settings, self._options.ingest_url, since))
                or any(standing_still(store, since))
                or any(answering("sandbox", f"{self._options.sandbox_url}/healthz"))
            )


@contextmanager
def running(
    folder: Path, workers: int, away_s: float = 0, told: Mapping[str, str] | None = None
) -> Iterator[Plant]:
    """A relay in a folder of its own; however this ends, no process outlives it."""
    plant, began = Plant(folder, workers, away_s, told), milliseconds()
    with started(plant, lambda: plant.flows(began)):
        yield plant


@contextmanager
def started(plant: Plant, up: Callable[[], bool]) -> Iterator[None]:
    try:
        plant.start()
        wait_until(up, within=UP_WITHIN_S)
        yield
    finally:
        plant.end()


def _several_workers(wanted: Iterable[Part], workers: int) -> Iterator[Part]:
    for part in wanted:
        if part.name != "worker":
            yield part
            continue
        for number in range(1, workers + 1):
            name = f"worker-{number}"
            yield replace(part, name=name, command=(*part.command, "-n", f"{name}@%h"))
