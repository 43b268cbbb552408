"""What unmapped events have in common: their names, and the values of their properties. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from msgspec import Raw

from app.segment import Event, Fields, members

SAMPLES_MAX = 3
KEPT_MAX = 20_000
SHOWN_MAX = 100
DEPTH_MAX = 5
VALUE_BYTES_MAX = 200

Key = TypeVar("Key")


class Member(Protocol):
    """An unmapped event and the letter that it lies under."""

    @property
    def letter(self) -> str: ...
    @property
    def event(self) -> Event: ...


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events of one name; None without one. `samples` are letters, the newest first."""

    name: str | None
    count: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PropertyGroup:
    """Events with the same value, as JSON, at a path of their properties."""

    path: str
    value: str
    count: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """The newest `looked` of `total` unmapped events, in groups, the largest first.

    `hidden_events` and `hidden_properties` are groups that are not listed; `uncounted` are values
    that were left out because there are too many different ones.
    """

    total: int
    looked: int
    events: tuple[EventGroup, ...]
    properties: tuple[PropertyGroup, ...]
    hidden_events: int
    hidden_properties: int
    uncounted: int


@dataclass(slots=True)
class _Tally:
    count: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, letter: str) -> None:
        self.count += 1
        if len(self.samples) < SAMPLES_MAX:
            self.samples.append(letter)


def grouped(unmapped: Iterable[Member], total: int) -> Groups:
    """The groups of these, which are all or the newest of `total`."""
    names: dict[str | None, _Tally] = {}
    values: dict[tuple[str, str], _Tally] = {}
    looked = uncounted = 0
    for one in unmapped:
        event, looked = one.event, looked + 1
        uncounted += not _counted(names, event.text("event"), one.letter)
        for found in scalars(event.properties):
            uncounted += not _counted(values, found, one.letter)
    events = tuple(EventGroup(name, *_told(tally)) for name, tally in _largest(names))
    properties = tuple(
        PropertyGroup(path, value, *_told(tally)) for (path, value), tally in _largest(values)
    )
    hidden = len(names) - len(events), len(values) - len(properties)
    return Groups(total, looked, events, properties, *hidden, uncounted)


def scalars(fields: Fields, before: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """(path, JSON) of every text, number and truth, in dot notation; bounded in depth."""
    for name, value in fields.items():
        written = bytes(value).strip()
        if written[:1] == b"{" and depth < DEPTH_MAX:
            yield from scalars(members(Raw(written)) or {}, f"{before}{name}.", depth + 1)
        elif written[:1] not in (b"{", b"[", b"n") and len(written) <= VALUE_BYTES_MAX:
            yield f"{before}{name}", written.decode(errors="replace")


def _counted(tallies: dict[Key, _Tally], key: Key, letter: str) -> bool:
    if key not in tallies and len(tallies) >= KEPT_MAX:
        return False
    tallies.setdefault(key, _Tally()).add(letter)
    return True


def _largest(tallies: dict[Key, _Tally]) -> list[tuple[Key, _Tally]]:
    return sorted(tallies.items(), key=lambda pair: -pair[1].count)[:SHOWN_MAX]


def _told(tally: _Tally) -> tuple[int, tuple[str, ...]]:
    return tally.count, tuple(tally.samples)
