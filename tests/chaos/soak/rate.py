"""The rate that is set is reached and never passed; what a partner allows is found."""

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.soak.arrivals import Request, events, excess, moment, received
from tests.chaos.soak.scene import Ending, Say, Scene, scene
from tests.chaos.weather import answer_well, answer_with

RATE, BURST = 50, 10
WORKERS = 4
SECONDS = 20.0
SHARE_MIN = 0.95
TOLD = {"KABLE": "4", "KANA": "8"}  # the concurrency of each


ALLOWED = 30
SETTLES_WITHIN_S = 10.0
ALLOWED_S = 20.0
BACK_WITHIN_S = 30.0
BACK_S = 10.0


def rate(folder: Path, say: Say, seconds: float = SECONDS) -> Ending:
    """More events than the rate allows, for so long."""
    told = {
        f"RELAY_DESTINATIONS__{name.lower()}__{setting}": str(value)
        for name, concurrency in TOLD.items()
        for setting, value in (("RATE", RATE), ("BURST", BURST), ("CONCURRENCY", concurrency))
    }
    faults: list[str] = []
    figures: dict[str, object] = {}
    with scene(folder / "told", say, WORKERS, told) as one:
        one.steady(2 * RATE, seconds)
        for name, concurrency in TOLD.items():
            faults += _judged(one, name.lower(), int(concurrency), seconds, figures)
        faults += one.drained()
        faults += one.books()
    with scene(folder / "allowed", say, WORKERS) as one:
        faults += _allowed(one, figures)
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


def _allowed(one: Scene, figures: dict[str, object]) -> Iterator[str]:
    """Kana answers 429 above so many requests a second, and then no longer."""
    answer_with(one.plant.sandbox_url, "kana", {"status": 429, "above": ALLOWED})
    one.steady(2 * ALLOWED, ALLOWED_S)
    found = received(one.plant.sandbox_url, "kana")
    settled = [r for r in found if moment(r) > moment(found[0]) + SETTLES_WITHIN_S]
    refused = sum(request["status"] == 429 for request in settled)
    seconds = moment(settled[-1]) - moment(settled[0])
    taken = (len(settled) - refused) / seconds
    answer_well(one.plant.sandbox_url, "kana")
    one.steady(2 * ALLOWED, BACK_WITHIN_S)
    before = one.logs["kana"].census().delivered
    one.steady(2 * ALLOWED, BACK_S)
    after = (one.logs["kana"].census().delivered - before) / BACK_S
    figures[f"kana, 429 above {ALLOWED}/s"] = f"{taken:.0f}/s taken, {refused} times 429"
    figures["kana, thereafter"] = f"{after:.0f}/s after {BACK_WITHIN_S:g} s"
    if taken < ALLOWED / 2:
        yield f"kana: expected at least {ALLOWED / 2:g}/s under its limit; {taken:.0f}/s"
    if refused > len(settled) / 10:
        yield f"kana: expected few 429 once it has settled; {refused} of {len(settled)}"
    if after < ALLOWED * 1.5:
        yield f"kana: expected {ALLOWED * 1.5:g}/s when the limit is lifted; {after:.0f}/s"


def _deliveries(name: str, request: Request) -> int:
    """How many begin with this request; the further calls of an identify are no new ones."""
    return len(events(name, request)) + ("createUser" in request["body"])
