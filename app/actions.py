"""What operators did to a destination, the newest thousand."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from app.clock import Clock, milliseconds
from app.keys import destination_key
from app.scripts import Scripts

KEPT = 1_000

_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,15})-([a-z0-9][a-z0-9_-]{0,62})")


@dataclass(frozen=True, slots=True)
class Action:
    """Who did what, to how many, when (ms since the epoch); `about` says to which or why.

    `what` is a participle: paused, resumed, edited, resolved, replay began or cancelled, discard
    began, and discarded with how many are gone.
    """

    at: int
    who: str
    what: str
    count: int = 1
    about: str = ""


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where an action stands among those of all destinations, by the store's clock."""

    at: int
    number: int
    destination: str

    def __str__(self) -> str:
        return f"{self.at}-{self.number}-{self.destination}"

    @classmethod
    def parse(cls, cursor: str) -> "Place":
        """Raises ValueError when no page gave this cursor."""
        found = _CURSOR.fullmatch(cursor)
        if not found:
            raise ValueError(f"expected the cursor of a page of actions; found {cursor[:60]!r}")
        return cls(int(found[1]), int(found[2]), found[3])


@dataclass(frozen=True, slots=True)
class Page:
    """Actions and whose they are, the newest first, and where to go on; None at the end."""

    items: tuple[tuple[str, Action], ...]
    cursor: Place | None


def page(
    store: redis.Redis, destinations: Sequence[str], before: Place | None, limit: int
) -> Page:
    """The newest actions of these destinations, after those that an earlier page has shown."""
    pipe = store.pipeline(transaction=False)
    for name in destinations:
        pipe.xrevrange(destination_key(name, "actions"), _last(name, before), count=limit + 1)
    found = sorted(
        (
            (_place(name, entry), fields)
            for name, entries in zip(destinations, pipe.execute(), strict=True)
            for entry, fields in entries
        ),
        key=lambda pair: pair[0],
        reverse=True,
    )
    items = tuple((at.destination, _action(fields)) for at, fields in found[:limit])
    return Page(items, found[limit - 1][0] if len(found) > limit else None)


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


def _last(destination: str, before: Place | None) -> str:
    """The newest entry of a stream that comes after a place, which leads back in time."""
    if before is None:
        return "+"
    exclusive = "" if destination < before.destination else "("
    return f"{exclusive}{before.at}-{before.number}"


def _place(destination: str, entry: bytes) -> Place:
    at, _, number = entry.decode().partition("-")
    return Place(int(at), int(number), destination)


def _action(fields: Mapping[bytes, bytes]) -> Action:
    told = {name.decode(): value.decode() for name, value in fields.items()}
    return Action(int(told["at"]), told["who"], told["what"], int(told["count"]), told["about"])
