"""Which letters a replay is about, and what an operator should know of them before it begins."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import cast

import msgspec
import redis

from app import dead_letters, delivery
from app.billing import closed_before
from app.dead_letters import Burial, Buried, DeadLetters, Filter, Look, unheard
from app.delivery import Delivery
from app.keys import destination_key
from app.segment import Event
from app.selection import billed_at
from app.settings import DestinationSettings

UNCONFIRMED = "unconfirmed"
IDS_MAX = 10_000
DATED_MAX = 50_000
READ_AT_ONCE = 500

Chosen = Filter | Sequence[str]
"""A filter, or the ids of letters."""


class TooManyIds(ValueError):
    """More letters are named than one replay takes."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"expected at most {IDS_MAX:,} ids, found {found:,}; use a filter instead"
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """How many letters a replay would take, and of which of them an operator should know.

    `unconfirmed` may have been recorded already. `closed_period` happened in a billing period that
    is closed; None when there are too many letters to look at. `before` is the place after the
    newest letter: what is buried later is not of them. `left_out` are unconfirmed and match too,
    but stay, for nothing names them.
    """

    count: int
    unconfirmed: int
    closed_period: int | None
    before: int
    left_out: int = 0


class Surveyor:
    """Looks at the letters of one destination."""

    def __init__(
        self, store: redis.Redis, account: DestinationSettings, letters: DeadLetters
    ) -> None:
        self._store = store
        self._account = account
        self._letters = letters

    def survey(self, chosen: Chosen, now: int, looked: Callable[[int], None] = unheard) -> Survey:
        """The letters that there are; `now` is in ms since the epoch. Raises TooManyIds.

        `looked` hears at how many letters a scan has looked, and may end it with an exception.
        """
        before = self._letters.end()
        end = closed_before(datetime.fromtimestamp(now / 1000, UTC), self._account.billing_day)
        if not isinstance(chosen, Filter):
            named = self.placed(chosen, before)
            count, closed = self._counted(iter(named), end)
            return Survey(count, self._unconfirmed(named), closed, before)
        known, left_out, closed = self._letters.known(chosen, before), 0, None
        if known is None or known <= DATED_MAX:
            matching = _Taken(chosen)
            keys = matching.keys(self._letters.looks(chosen, before, looked=looked))
            count, closed = self._counted(keys, end)
            left_out = matching.left_out
        else:
            if chosen.reason is None:
                doubtful = msgspec.structs.replace(chosen, reason=UNCONFIRMED)
                left_out = self._letters.count(doubtful, before, looked)
            count = known - left_out
        unconfirmed = count if chosen.reason == UNCONFIRMED else 0
        return Survey(count, unconfirmed, closed, before, left_out)

    def placed(self, ids: Sequence[str], before: int) -> list[str]:
        """The keys of those letters that lie before a place, each once, the oldest first.

        Raises TooManyIds.
        """
        if len(ids) > IDS_MAX:
            raise TooManyIds(len(ids))
        named = {one for id_ in ids if (one := Burial.named(id_)) and one.at < before}
        oldest_first = sorted(named, key=lambda one: one.at)
        keys = [one.key for one in oldest_first]
        places = [
            place
            for some in _batches(iter(keys))
            for place in self._store.zmscore(self._key("dead:at"), some)
        ]
        lying = zip(oldest_first, places, strict=True)
        return [one.key for one, place in lying if place == one.at]

    def _unconfirmed(self, keys: Sequence[str]) -> int:
        packed = (one for some in _batches(iter(keys)) for one in self._read("dead", some))
        return sum(dead_letters.decode(one).reason == UNCONFIRMED for one in packed)

    def _counted(self, keys: Iterator[str], end: datetime) -> tuple[int, int | None]:
        """How many there are, and how many of them happened before the end of a closed period."""
        count = closed = 0
        for some in _batches(keys):
            count += len(some)
            if count <= DATED_MAX:
                closed += self._before(some, end)
        return count, closed if count <= DATED_MAX else None

    def _before(self, keys: Sequence[str], end: datetime) -> int:
        found = self._read("dead:deliveries", keys)
        moments = (self._happened(delivery.decode(one)) for one in found)
        return sum(moment is not None and moment < end for moment in moments)

    def _happened(self, buried: Delivery) -> datetime | None:
        try:
            event = Event.decode(buried.event)
        except msgspec.DecodeError:
            return None
        return billed_at(event, self._account)

    def _read(self, name: str, keys: Sequence[str]) -> list[bytes]:
        found = self._store.hmget(self._key(name), list(keys)) if keys else []
        return [one for one in cast("list[bytes | None]", found) if one is not None]

    def _key(self, name: str) -> str:
        return destination_key(self._account.id, name)


class _Taken:
    """What a replay takes of letters that match, counting what it leaves out."""

    def __init__(self, chosen: Filter) -> None:
        self._chosen = chosen
        self.left_out = 0

    def keys(self, looks: Iterable[Look]) -> Iterator[str]:
        for look in looks:
            mine = taken(self._chosen, look.found)
            self.left_out += len(look.found) - len(mine)
            yield from (one.key for one in mine)


def taken(chosen: Filter, found: Sequence[Buried]) -> list[Buried]:
    """Of letters that match what a replay takes: what may have been recorded only if named."""
    named = chosen.reason == UNCONFIRMED
    return [one for one in found if named or one.letter.reason != UNCONFIRMED]


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while some := list(islice(keys, READ_AT_ONCE)):
        yield some
