"""Hours in random weather: whether the store and the workers grow."""

from contextlib import ExitStack
from pathlib import Path

from tests.chaos.kept import Kept
from tests.chaos.soak.scene import Ending, Say, Scene, scene
from tests.chaos.weather import KINDS, weather

RATE = 150
WARM_UP_S = 30.0
SPELL_S = 60.0
WORKERS_GROW_MAX = 1.3
# A digest takes 8 to 12 bytes; letters, which stay, are not counted.
BYTES_A_DELIVERY_MAX = 64
BYTES_A_LETTER = 2_500


def endurance(folder: Path, say: Say, minutes: float) -> Ending:
    """Storm and rain in turn; memory is compared when all is drained."""
    faults: list[str] = []
    with scene(folder, say) as one:
        one.steady(RATE, WARM_UP_S)
        faults += one.drained()
        before = _memory(one)
        say(f"{before}")
        left = minutes * 60
        while left > 0:
            sky = one.random.choice(tuple(KINDS))
            say(f"{left / 60:.1f} minutes left, {sky}")
            _spell(one, sky, min(left, SPELL_S))
            left -= SPELL_S
        faults += one.drained()
        after = _memory(one)
        faults += one.books()
    allowed = before["store"] + BYTES_A_DELIVERY_MAX * (after["accepted"] - before["accepted"])
    allowed += BYTES_A_LETTER * (after["letters"] - before["letters"])
    if after["store"] > allowed:
        faults.append(f"the store grew from {before['store']:,} to {after['store']:,} bytes")
    if after["workers"] > WORKERS_GROW_MAX * before["workers"]:
        faults.append(f"the workers grew from {before['workers']:,} to {after['workers']:,} bytes")
    return Ending(tuple(faults), {"before": before, "after": after})


def _spell(one: Scene, sky: str, seconds: float) -> None:
    with ExitStack() as skies:
        for partner, moods in KINDS[sky].items():
            skies.enter_context(weather(one.plant.sandbox_url, partner, moods, one.random))
        one.steady(RATE, seconds)


def _memory(one: Scene) -> dict[str, int]:
    """Bytes of the store's data and of all worker processes; accepted deliveries and letters."""
    info = one.store.info("memory")
    ledgers = [log.census() for log in one.logs.values()]
    return {
        "store": info["used_memory"] - info["mem_clients_normal"] - info["mem_aof_buffer"],
        "workers": sum(_resident(kept) for kept in one.plant.workers),
        "accepted": sum(census.accepted for census in ledgers),
        "letters": sum(census.dead + census.unmapped for census in ledgers),
    }


def _resident(kept: Kept) -> int:
    """Bytes, of a worker and the processes of its pool."""
    total = 0
    for pid in (kept.pid, *kept.children()):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total
