"""A sample of what happens to events just now, read once a second for all who look at it."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec
import redis

from app import settled
from app.clock import Clock, milliseconds
from app.console.watch import PATIENCE_S
from app.console.widgets import address, length
from app.counters import samples, tally
from app.dead_letters import DeadLetters, Filter
from app.settings import DestinationSettings, Settings
from app.settled import Finish
from app.timestamps import instant
from app.unmapped import UnmappedEvents

Outcome = Finish | Literal["dead", "unmapped", "refused"]

EVERY_MS: Final = 1_000
SETTLEMENTS: Final = 5
AT_ONCE: Final = 20
PAYLOADS: Final = 5  # whole events, which may be large
KEPT: Final = 400

Taken = TypeVar("Taken")


@dataclass(frozen=True, slots=True)
class Happening:
    """What became of an event, when (ISO 8601), and where it is told in full.

    `where` is the destination; of what was refused, the source.
    """

    at: str
    where: str
    outcome: Outcome
    message_id: str
    words: str
    address: str

    @property
    def id(self) -> str:
        return f"{self.at} {self.where} {self.outcome} {self.message_id}"


class Refusal(msgspec.Struct, frozen=True):
    """What of a sample of ingest is told in a line."""

    at: str = ""
    message: str = ""


class Stream:
    """Remembers how far it has read each list, so that nothing is told twice."""

    def __init__(
        self, store: redis.Redis, settings: Settings, clock: Clock = milliseconds
    ) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self._settled_at: dict[str, int] = {}
        self._seen: dict[tuple[str, str], str] = {}
        self._refused: dict[tuple[str, str], int] = {}
        self._happened: deque[Happening] = deque(maxlen=KEPT)
        self._read_at = 0
        self._reading: asyncio.Task[None] | None = None

    async def newest(self) -> list[Happening]:
        """The newest first; what was read before while the store is away or silent."""
        if self._reading is None and self._clock() - self._read_at >= EVERY_MS:
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None:
            done, _ = await asyncio.wait({self._reading}, timeout=PATIENCE_S)
            for task in done:
                task.result()
        return sorted(self._happened, key=lambda one: one.at, reverse=True)

    async def _read(self) -> None:
        self._read_at = self._clock()
        try:
            self._happened.extendleft(await asyncio.to_thread(self._news))
        except redis.RedisError:
            return
        finally:
            self._reading = None

    def _news(self) -> list[Happening]:
        return sorted(self._found(), key=lambda one: one.at)

    def _found(self) -> Iterator[Happening]:
        for account in self._settings.destinations.values():
            yield from self._finished(account.id)
            yield from self._after(account.id, "dead", self._dead(account))
            yield from self._after(account.id, "unmapped", self._unmapped(account.id))
        for source in self._settings.sources:
            yield from self._after(source, "refused", self._refusals(source))

    def _after(self, name: str, of: str, found: Iterable[Happening]) -> Sequence[Happening]:
        """Some of what happened after the newest that was read before."""
        until = self._seen.get((name, of), "")
        news = [one for one in found if one.at > until]
        if news:
            self._seen[name, of] = max(one.at for one in news)
        return some(news, AT_ONCE)

    def _finished(self, destination: str) -> Iterator[Happening]:
        """These may be thousands, of which few are told."""
        until = self._settled_at.get(destination, 0)
        newest = settled.newest(self._store, destination, SETTLEMENTS)
        news = [one for one in newest if one.at > until]
        if news:
            self._settled_at[destination] = news[0].at
        for one in some(news, AT_ONCE):
            finished, took = one.finished, length(one.latency_ms / 1000)
            tries = f", {finished.attempts} attempts" if finished.attempts > 1 else ""
            at, words = instant(one.at), f"after {took}{tries}"
            yield _happening(at, destination, finished.verb, finished.id, words)

    def _dead(self, account: DestinationSettings) -> Iterator[Happening]:
        page = DeadLetters(self._store, account).page(Filter(), limit=AT_ONCE)
        for one in page.items:
            words = f"{one.letter.reason}: {one.letter.message}"
            at = instant(one.letter.buried_at)
            yield _happening(at, account.id, "dead", one.letter.id, words)

    def _unmapped(self, destination: str) -> Iterator[Happening]:
        for one in UnmappedEvents(self._store, destination).page(limit=PAYLOADS).items:
            name, at = one.event.text("event") or "", instant(one.parked_at)
            yield _happening(at, destination, "unmapped", one.delivery.id, name)

    def _refusals(self, source: str) -> Iterator[Happening]:
        """Only of the codes that count more than before."""
        counted = tally(self._store, source).refused
        for code in grown(source, counted, self._refused):
            for kept in samples(self._store, source, code):
                one = _refusal(kept)
                words = f"{code}: {one.message}"
                there = address("/rejections", source=source, code=code)
                yield Happening(one.at, source, "refused", "", words, there)


def some(found: Sequence[Taken], most: int) -> Sequence[Taken]:
    """As many of them, evenly spread. Pure."""
    if len(found) <= most:
        return found
    return [found[n * len(found) // most] for n in range(most)]


def grown(
    source: str, counted: Mapping[str, int], before: dict[tuple[str, str], int]
) -> list[str]:
    """The codes that count more than before, which is then noted."""
    codes = [code for code, count in counted.items() if count != before.get((source, code))]
    before |= {(source, code): counted[code] for code in codes}
    return codes


def _happening(at: str, where: str, outcome: Outcome, id_: str, words: str) -> Happening:
    there = address("/trace", message_id=id_.partition("#")[0])
    return Happening(at, where, outcome, id_, words, there)


def _refusal(kept: bytes) -> Refusal:
    try:
        return msgspec.json.decode(kept, type=Refusal)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Refusal()
