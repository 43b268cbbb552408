"""The pretend partners' moods: kills are to hit requests under way, retries and holds as well."""

import threading
from collections.abc import Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Any, Self

import requests

Mood = dict[str, Any]

SPELL_S = (0.5, 3.0)
# Longer than a call may take.
HANGING_S = (7.0, 9.0)
SHARED: tuple[Mood, ...] = (
    {},
    {"delay": 0.2},
    {"mode": "reset", "share": 0.3, "effect": True},
    {"mode": "reset", "share": 0.3, "effect": False},
    {"status": 500, "share": 0.3},
    {"status": 503},
)
MOODS: Mapping[str, Sequence[Mood]] = {
    "kable": SHARED,
    "kana": (
        *SHARED,
        {"status": 429, "headers": {"Retry-After": 1}},
        {"mode": "hang", "share": 0.005, "effect": True},
        {"mode": "hang", "share": 0.005, "effect": False},
    ),
}


class Weather:
    """Changes the mood of one partner every few seconds while it runs; fair in the end."""

    def __init__(self, sandbox_url: str, partner: str, random: Random) -> None:
        self._answers = f"{sandbox_url}/{partner}/_answers"
        self._moods = MOODS[partner]
        self._random = Random(random.getrandbits(32))
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._change, name="weather", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
        requests.delete(self._answers, timeout=10).raise_for_status()

    def _change(self) -> None:
        spell = SPELL_S
        while not self._ends.wait(self._random.uniform(*spell)):
            mood = self._random.choice(self._moods)
            requests.post(self._answers, json=mood, timeout=10).raise_for_status()
            spell = HANGING_S if mood.get("mode") == "hang" else SPELL_S
