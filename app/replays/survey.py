"""Which letters a replay is about, and what an operator should know of them before it begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import cast

import msgspec
import redis

from app import dead_letters, delivery
from app.billing import closed_before
from app.dead_letters import Burial, DeadLetters, Filter
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
    newest letter: what is buried later is not of them.
    """

    count: int
    unconfirmed: int
    closed_period: int | None
    before: int


class Surveyor:
    """Looks at the letters of one destination."""

    def __init__(
        self, store: redis.Redis, account: DestinationSettings, letters: DeadLetters
    ) -> None:
        self._store = store
        self._account = account
        self._letters = letters

    def survey(self, chosen: Chosen, now: int) -> Survey:
        """The letters that there are; `now` is in ms since the epoch. Raises TooManyIds."""
        before = self._letters.end()
        if not isinstance(chosen, Filter):
            return self._named(self.placed(chosen, before), now, before)
        count = self._letters.count(chosen, before)
        if chosen.reason is None:
            doubtful = msgspec.structs.replace(chosen, reason=UNCONFIRMED)
            count -= self._letters.count(doubtful, before)
        keys = (one.key for one in taken(self._letters, chosen, before))
        closed = None if count > DATED_MAX else self._closed(keys, now)
        return Survey(count, count if chosen.reason == UNCONFIRMED else 0, closed, before)

    def placed(self, ids: Sequence[str], before: int) -> list[str]:
        """The keys of those letters that lie before a place, each once, the oldest first.

        Raises TooManyIds.
        """
        if len(ids) > IDS_MAX:
            raise TooManyIds(len(ids))
        named = {one for id_ in ids if (one := Burial.named(id_)) and one.at < before}
        oldest_first = sorted(named, key=lambda one: one.at)
        keys = [one.key for one in oldest_first]
        places = self._store.zmscore(self._key("dead:at"), keys) if keys else []
        lying = zip(oldest_first, places, strict=True)
        return [one.key for one, place in lying if place == one.at]

    def _named(self, keys: Sequence[str], now: int, before: int) -> Survey:
        packed = self._read("dead", keys)
        reasons = [dead_letters.decode(letter).reason for letter in packed]
        closed = self._closed(iter(keys), now)
        return Survey(len(keys), reasons.count(UNCONFIRMED), closed, before)

    def _closed(self, keys: Iterator[str], now: int) -> int:
        """How many happened in a billing period that is closed."""
        at = datetime.fromtimestamp(now / 1000, UTC)
        end = closed_before(at, self._account.billing_day)
        found = (one for some in _batches(keys) for one in self._read("dead:deliveries", some))
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


def taken(
    letters: DeadLetters, chosen: Filter, before: int, after: int = -1
) -> Iterator[dead_letters.Buried]:
    """What a replay with this filter takes: what may have been recorded only if it is named."""
    found = letters.scan(chosen, before, after)
    if chosen.reason == UNCONFIRMED:
        return found
    return (one for one in found if one.letter.reason != UNCONFIRMED)


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while some := list(islice(keys, READ_AT_ONCE)):
        yield some
