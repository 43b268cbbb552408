"""The rate that is set is reached and never passed; what a partner allows is found."""

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.soak.arrivals import Request, events, excess, moment, received
from tests.chaos.soak.scene import Ending, Say, Scene, scene

RATE, BURST = 50, 10
WORKERS = 4
SECONDS = 20.0
SHARE_MIN = 0.95
TOLD = {"KABLE": "4", "KANA": "8"}  # the concurrency of each


def rate(folder: Path, say: Say, seconds: float = SECONDS) -> Ending:
    """More events than the rate allows, for so long."""
    told = {
        f"RELAY_DESTINATIONS__{name.lower()}__{setting}": str(value)
        for name, concurrency in TOLD.items()
        for setting, value in (("RATE", RATE), ("BURST", BURST), ("CONCURRENCY", concurrency))
    }
    faults: list[str] = []
    figures: dict[str, object] = {}
    with scene(folder, say, WORKERS, told) as one:
        one.steady(2 * RATE, seconds)
        for name, concurrency in TOLD.items():
            faults += _judged(one, name.lower(), int(concurrency), seconds, figures)
        faults += one.drained()
        faults += one.books()
    return Ending(tuple(faults), figures)


def _judged(
    one: Scene, name: str, concurrency: int, seconds: float, figures: dict[str, object]
) -> Iterator[str]:
    came = [
        moment(request)
        for request in received(one.plant.sandbox_url, name)
        for _ in range(_deliveries(name, request))
    ]
    began = min(came)
    within = [at for at in came if at < began + seconds]
    reached = len(within) / (RATE * seconds)
    over = excess(came, RATE)
    figures[name] = f"{reached:.0%} of {RATE}/s, at most {over:.1f} more in any window"
    if reached < SHARE_MIN:
        yield f"{name}: expected {SHARE_MIN:.0%} of {RATE}/s in {seconds:g} s; {reached:.0%}"
    if over > BURST + concurrency:
        yield (
            f"{name}: expected at most {BURST} + {concurrency} events more than the rate in any"
            f" window; {over:.1f}"
        )


def _deliveries(name: str, request: Request) -> int:
    """How many begin with this request; the further calls of an identify are no new ones."""
    return len(events(name, request)) + ("createUser" in request["body"])
