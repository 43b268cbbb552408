"""What became of an event at one destination. No event has a key for this."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, cast

import redis

from app import settled
from app.dead_letters import DeadLetters, Filter, Letter
from app.delivery import Delivery, decode, logged
from app.keys import destination_key
from app.log import Log
from app.scripts import Scripts
from app.settings import DestinationSettings

SEARCHED_MAX = 20_000
SETTLEMENTS_MAX = 500
READ_AT_ONCE = 500
MICROSECONDS = 1_000

Place = Literal["waiting", "retrying", "dead", "unmapped", "finished"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The event that is looked for. Without a source, of any; a user spares most of the search."""

    message_id: str
    source: str | None = None
    user: str | None = None

    def is_named(self, delivery_id: str) -> bool:
        """Whether a delivery is of this event, as a whole or as a part (`<message id>#<part>`)."""
        rest = delivery_id.removeprefix(self.message_id)
        if rest == delivery_id:
            return False
        return not rest or (rest[0] == "#" and rest[1:].isdecimal())

    def is_of(self, source: str, user: str) -> bool:
        return self.source in (None, source) and self.user in (None, user)


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to a delivery, or will: `at` is in ms since the epoch."""

    at: int
    what: Literal["accepted", "attempted", "due", "parked", "buried", settled.Finish]
    status: int | None = None
    error: str = ""
    seconds: float | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One delivery of an event.

    It is in one of `places`: in the only one, unless the search ended early, as `note` tells then.
    """

    destination: str
    id: str
    places: tuple[Place, ...]
    history: tuple[Happening, ...] = ()
    note: str = ""


def traces(
    store: redis.Redis, account: DestinationSettings, wanted: Wanted, sources: Iterable[str]
) -> list[Trace]:
    """What the destination has of an event; nothing when it never accepted it.

    That it was accepted is remembered for the destination's `dedupe_window` at least, by source:
    `sources` are those that it may have come from.
    """
    if not wanted.message_id:
        return []
    search = _Search(store, account, wanted)
    found = search.found()
    if found or not search.is_remembered(sources):
        return found
    places: tuple[Place, ...] = (*search.unfinished, "finished")
    return [Trace(account.id, wanted.message_id, places, note=search.note)]


class _Search:
    """Looks in the direction in which deliveries move, so that none slips by."""

    def __init__(self, store: redis.Redis, account: DestinationSettings, wanted: Wanted) -> None:
        self._store = store
        self._id = account.id
        self._layout = Log(store, account).layout
        self._scripts = Scripts(store, account.id)
        self._letters = DeadLetters(store, account)
        self._wanted = wanted
        self._named = wanted.message_id.encode()
        self.unfinished: list[Place] = []

    @property
    def note(self) -> str:
        """Why the search did not look everywhere; empty when it did."""
        named = self._wanted.user is not None
        if self.unfinished:
            ask = "" if named else "; name its user with --user"
            return f"more than {SEARCHED_MAX:,} deliveries are {' or '.join(self.unfinished)}{ask}"
        return f"only what user {self._wanted.user} has was looked through" if named else ""

    def found(self) -> list[Trace]:
        """The deliveries of the event, each where it was seen last."""
        lying = chain(
            self._among("waiting", self._waiting()),
            self._among("retrying", self._retrying(), self._due),
            self._among("unmapped", self._unmapped(), self._parked),
        )
        latest = {(source, trace.id): trace for source, trace in chain(lying, self._dead())}
        ids = {trace.id for trace in latest.values()}
        finished = [trace for trace in self._finished() if trace.id not in ids]
        return [*latest.values(), *finished]

    def is_remembered(self, sources: Iterable[str]) -> bool:
        asked = sources if self._wanted.source is None else (self._wanted.source,)
        digests = [self._layout.digest(source, self._wanted.message_id) for source in asked]
        words = (word for digest in digests for word in digest)
        return any(cast("list[int]", self._scripts.run("seen", *words)))

    def _among(
        self,
        place: Place,
        lying: Iterable[tuple[str, Delivery | None]],
        more: "Callable[[str], Sequence[Happening]]" = lambda _: (),
    ) -> Iterator[tuple[str, Trace]]:
        for searched, (name, delivery) in enumerate(lying):
            if searched == SEARCHED_MAX:
                self.unfinished.append(place)
                return
            if delivery and self._is_wanted(delivery):
                history = (*_attempted(delivery), *more(name))
                yield delivery.source, Trace(self._id, delivery.id, (place,), history)

    def _is_wanted(self, one: Delivery) -> bool:
        return self._wanted.is_named(one.id) and self._wanted.is_of(one.source, one.user)

    def _waiting(self) -> Iterator[tuple[str, Delivery | None]]:
        for partition in self._partitions:
            after = "-"
            while found := self._store.xrange(
                self._key("log:", partition), after, "+", READ_AT_ONCE
            ):
                for entry, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", found):
                    is_named = fields[b"i"].startswith(self._named)
                    yield entry.decode(), logged(entry, fields) if is_named else None
                    after = f"({entry.decode()}"

    def _retrying(self) -> Iterator[tuple[str, Delivery | None]]:
        for partition in self._partitions:
            for name in ("behind:", "late:"):
                for entry, delivery in self._kept(self._key(name, partition)):
                    yield f"{partition}-{entry}", delivery

    def _unmapped(self) -> Iterator[tuple[str, Delivery | None]]:
        yield from self._kept(destination_key(self._id, "unmapped"))

    def _kept(self, key: str) -> Iterator[tuple[str, Delivery | None]]:
        """What a hash keeps; only what holds the wanted id somewhere is worth decoding."""
        for entry, payload in self._store.hscan_iter(key, count=READ_AT_ONCE):
            yield entry.decode(), decode(payload) if self._named in payload else None

    def _due(self, retry: str) -> Sequence[Happening]:
        partition, _, entry = retry.partition("-")
        due = self._store.zscore(self._key("due:", int(partition)), entry)
        return () if due is None else (Happening(int(due), "due"),)

    def _parked(self, letter: str) -> Sequence[Happening]:
        at = self._store.zscore(self._plain("unmapped:at"), letter)
        return () if at is None else (Happening(int(at) // MICROSECONDS, "parked"),)

    def _dead(self) -> Iterator[tuple[str, Trace]]:
        for one in self._letters.opened(Filter(message_id=self._wanted.message_id)):
            if self._wanted.is_of(one.delivery.source, one.delivery.user):
                history = (*_attempted(one.delivery), _buried(one.letter))
                yield one.delivery.source, Trace(self._id, one.delivery.id, ("dead",), history)

    def _finished(self) -> Iterator[Trace]:
        for one in settled.newest(self._store, self._id, SETTLEMENTS_MAX):
            finished = one.finished
            if self._wanted.is_named(finished.id):
                history = (
                    Happening(finished.accepted_at, "accepted"),
                    Happening(one.at, finished.verb, attempts=finished.attempts),
                )
                yield Trace(self._id, finished.id, ("finished",), history)

    @property
    def _partitions(self) -> Sequence[int]:
        layout, user = self._layout, self._wanted.user
        if user is None:
            return range(layout.total)
        return layout.partition(user), layout.partition(user, bulk=True)

    def _key(self, name: str, partition: int) -> str:
        return destination_key(self._id, name) + str(partition)

    def _plain(self, name: str) -> str:
        return destination_key(self._id, name)


def _attempted(delivery: Delivery) -> Iterator[Happening]:
    yield Happening(delivery.accepted_at, "accepted")
    for one in delivery.attempts:
        yield Happening(one.at, "attempted", one.status, one.error, one.took / 1000)


def _buried(letter: Letter) -> Happening:
    return Happening(
        letter.buried_at,
        "buried",
        error=f"{letter.reason}: {letter.message}",
        attempts=letter.attempts,
    )
