"""The pretend partners' moods: kills are to hit requests under way, retries and holds as well."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import requests

from tests.chaos.beside import beside

Mood = dict[str, Any]

SPELL_S = (0.5, 3.0)
# Longer than a call may take.
HANGING_S = (7.0, 9.0)
# One mood rules at a time, so each is five times as frequent as it is to be on average: of all
# requests 2 % get a 500, 1 % a 429, 1 % are reset, and a tenth of a fifth wait.
RAIN: tuple[Mood, ...] = (
    {},
    {"status": 500, "share": 0.1},
    {"status": 429, "share": 0.05},
    {"mode": "reset", "share": 0.05},
    {"delay": 1.0, "share": 0.1},
)
STORM: tuple[Mood, ...] = (
    {},
    {"delay": 0.2},
    {"mode": "reset", "share": 0.3, "effect": True},
    {"mode": "reset", "share": 0.3, "effect": False},
    {"status": 500, "share": 0.3},
    {"status": 503},
)
STORM_AT_KANA: tuple[Mood, ...] = (
    *STORM,
    {"status": 429, "headers": {"Retry-After": 1}},
    {"mode": "hang", "share": 0.005, "effect": True},
    {"mode": "hang", "share": 0.005, "effect": False},
)
# Each kind of weather: the moods of each partner.
KINDS: Mapping[str, Mapping[str, Sequence[Mood]]] = {
    "calm": {},
    "rain": {"kable": RAIN, "kana": RAIN},
    "storm": {"kable": STORM, "kana": STORM_AT_KANA},
}


def answer_with(sandbox_url: str, partner: str, mood: Mood) -> None:
    """From now on the partner is in this mood."""
    url = f"{sandbox_url}/{partner}/_answers"
    requests.post(url, json=mood, timeout=10).raise_for_status()


def answer_well(sandbox_url: str, partner: str) -> None:
    requests.delete(f"{sandbox_url}/{partner}/_answers", timeout=10).raise_for_status()


@contextmanager
def weather(
    sandbox_url: str, partner: str, moods: Sequence[Mood], random: Random
) -> Iterator[None]:
    """Another mood of the partner every few seconds; fair in the end."""
    own = Random(random.getrandbits(32))

    def change(ends: threading.Event) -> None:
        spell = SPELL_S
        while not ends.wait(own.uniform(*spell)):
            mood = own.choice(moods)
            answer_with(sandbox_url, partner, mood)
            spell = HANGING_S if mood.get("mode") == "hang" else SPELL_S

    with beside("weather", change):
        yield
    answer_well(sandbox_url, partner)
