"""Partners answer what nobody asked for: without an end, no JSON, far too much, nothing."""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from app import dead_letters, delivery
from app.keys import destination_key
from tests.chaos.beside import beside
from tests.chaos.soak.scene import Ending, Say, Scene, scene
from tests.chaos.weather import Mood, answer_well, answer_with

RATE = 80
SECONDS = 6.0
HUGE_BYTES = 3_000_000
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Spell:
    """How both partners answer for a while; None: as ever, but slowly without an end.

    `said` is what a reason has to say of it, where a partner's answer matters at all.
    """

    mood: Mood | None
    said: str


NO_SENSE = r"JSON|GraphQL|empty|without|not say|unreadable"
SPELLS: Mapping[str, Spell] = {
    "never ends": Spell(None, r"not done within|[Tt]imed out|TimeoutError"),
    "no JSON": Spell({"body": "<html>All is well</html>"}, NO_SENSE),
    "huge": Spell({"body": "x" * HUGE_BYTES}, NO_SENSE),
    "empty": Spell({"body": ""}, NO_SENSE),
    "other JSON": Spell({"body": [{"data": None}, 7]}, NO_SENSE),
    "500, no JSON": Spell({"status": 500, "body": "<html>Oh</html>"}, r"answered 500"),
}
# Kable's answer to success has no meaning beyond its status.
MATTERS = {"kable": ("never ends", "500, no JSON"), "kana": tuple(SPELLS)}


# So that a call that never ends is given up well within a spell.
TOLD = {f"RELAY_DESTINATIONS__{name}__DEADLINE": "3s" for name in MATTERS}

Reasons = dict[str, set[str]]


def answers(
    folder: Path, say: Say, seconds: float = SECONDS, wanted: Sequence[str] = tuple(SPELLS)
) -> Ending:
    """One spell after the other, each until all is well again."""
    faults: list[str] = []
    figures: dict[str, object] = {}
    with scene(folder, say, told=TOLD) as one:
        for title in wanted:
            say(title)
            before = {name: set(_letters(one, name)) for name in one.logs}
            reasons = _spell(one, SPELLS[title], seconds)
            faults += one.drained()
            for name in one.logs:
                letters = dict(_letters(one, name))
                told = reasons[name] | {letters[key] for key in letters.keys() - before[name]}
                figures[f"{title}: {name}"] = "; ".join(sorted(_shortened(told))) or "no reason"
                if name in MATTERS and title in MATTERS[name]:
                    faults += _silent(title, name, told)
        faults += one.books()
    return Ending(tuple(faults), figures)


def _spell(one: Scene, spell: Spell, seconds: float) -> Reasons:
    """What was given as reasons meanwhile, for holds and for what is to be tried again."""
    reasons: Reasons = {name: set() for name in one.logs}

    def look(ends: threading.Event) -> None:
        while not ends.wait(LOOK_EVERY_S):
            for name, log in one.logs.items():
                reasons[name] |= {log.census().why, *_retries(one, name)} - {""}

    with beside("reasons", look):
        for name in one.logs:
            if spell.mood is None:
                one.gates[name].trickle()
            else:
                answer_with(one.plant.sandbox_url, name, spell.mood)
        one.steady(RATE, seconds)
        for name in one.logs:
            one.gates[name].open()
            answer_well(one.plant.sandbox_url, name)
    return reasons


def _letters(one: Scene, name: str) -> Iterator[tuple[bytes, str]]:
    """The message of each dead letter by its key."""
    kept = cast("dict[bytes, bytes]", one.store.hgetall(destination_key(name, "dead")))
    for key, packed in kept.items():
        yield key, dead_letters.decode(packed).message


def _retries(one: Scene, name: str) -> Iterator[str]:
    """Why each delivery that is to be tried again failed last."""
    for partition in range(one.logs[name].layout.total):
        key = destination_key(name, "late:") + str(partition)
        for packed in cast("list[bytes]", one.store.hvals(key)):
            attempts = delivery.decode(packed).attempts
            yield from (str(last.error) for last in attempts[-1:] if last.error)


def _shortened(reasons: Iterable[str]) -> set[str]:
    """Without what differs from call to call."""
    return {re.sub(r"[0-9a-f-]{20,}|127.0.0.1:\d+", "...", reason)[:90] for reason in reasons}


def _silent(title: str, name: str, told: Iterable[str]) -> Iterator[str]:
    said = SPELLS[title].said
    found = sorted(_shortened(told))
    if not any(re.search(said, reason) for reason in found):
        yield f"{title}: expected a reason of {name} that says {said}; {found or 'none'} given"
