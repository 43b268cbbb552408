"""The pretend Kable's moods: kills are to hit requests under way, retries and holds as well."""

import threading
from random import Random
from types import TracebackType
from typing import Any, Self

import requests

SPELL_S = (0.5, 3.0)
MOODS: tuple[dict[str, Any], ...] = (
    {},
    {"delay": 0.2},
    {"mode": "reset", "share": 0.3, "effect": True},
    {"mode": "reset", "share": 0.3, "effect": False},
    {"status": 500, "share": 0.3},
    {"status": 503},
)


class Weather:
    """Changes the mood every few seconds while it runs; fair in the end."""

    def __init__(self, sandbox_url: str, random: Random) -> None:
        self._answers = f"{sandbox_url}/kable/_answers"
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
        while not self._ends.wait(self._random.uniform(*SPELL_S)):
            mood = self._random.choice(MOODS)
            requests.post(self._answers, json=mood, timeout=10).raise_for_status()
