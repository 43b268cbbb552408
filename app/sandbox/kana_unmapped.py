"""Tracks that no mapping rule matched, kept until one does."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import count, islice

import msgspec
from msgspec import Raw

from app.sandbox.kana_events import Event
from app.sandbox.kana_rules import values

EVENT = msgspec.json.Decoder(Event)


class Track(msgspec.Struct, frozen=True):
    """A track as it came."""

    at: datetime
    raw: Raw

    @property
    def event(self) -> Event:
        return EVENT.decode(self.raw)


class Unmapped:
    """Tracks by the number under which they are kept. Nothing bounds them."""

    def __init__(self) -> None:
        self._kept: dict[int, Track] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, track: Track) -> None:
        self._kept[next(self._numbers)] = track

    def forget(self, number: int) -> None:
        del self._kept[number]

    def tracks(self) -> list[tuple[int, Track]]:
        """All of them, oldest first, with their numbers."""
        return list(self._kept.items())

    def newest(self, limit: int | None = None) -> list[Track]:
        """At most so many (None: all), oldest first."""
        return list(islice(reversed(self._kept.values()), limit))[::-1]


def groups(tracks: Iterable[Track]) -> dict[str, object]:
    """How many there are by event name, and by path and value of their properties."""
    by_event: Counter[str] = Counter()
    by_property: dict[str, Counter[str]] = {}
    for event in (track.event for track in tracks):
        by_event[str(event.event)] += 1
        for path, value in values(event.values):
            by_property.setdefault(path, Counter())[value] += 1
    return {"by_event": by_event, "by_property": by_property}
