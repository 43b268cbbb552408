"""What operators did to a destination, the newest thousand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import redis

from app.clock import Clock, milliseconds
from app.keys import destination_key
from app.scripts import Scripts

KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Action:
    """Who did what, to how many, when (ms since the epoch); `about` says to which or why.

    `what` is a participle: paused, resumed, discarded, edited, resolved, replay began or
    cancelled.
    """

    at: int
    who: str
    what: str
    count: int = 1
    about: str = ""


class Actions:
    """The record of one destination."""

    def __init__(self, store: redis.Redis, destination: str, clock: Clock = milliseconds) -> None:
        self._store = store
        self._key = destination_key(destination, "actions")
        self._scripts = Scripts(store, destination, clock)

    def record(self, who: str, what: str, count: int = 1, about: str = "") -> None:
        self._scripts.run("act", who, what, count, about, KEPT)

    def newest(self, count: int = 50) -> list[Action]:
        """The newest first."""
        entries = self._store.xrevrange(self._key, count=count)
        return [
            _action(fields)
            for _, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", entries)
        ]


def _action(fields: Mapping[bytes, bytes]) -> Action:
    told = {name.decode(): value.decode() for name, value in fields.items()}
    return Action(int(told["at"]), told["who"], told["what"], int(told["count"]), told["about"])
