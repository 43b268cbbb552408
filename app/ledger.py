"""The ledger of a destination: where its accepted deliveries are, in all and by day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

import redis

from app.keys import destination_key

EPOCH = date(1970, 1, 1)
DAYS_KEPT = 400


@dataclass(frozen=True, slots=True)
class Census:
    """The whole ledger, read in one step.

    `dead` includes the `unconfirmed`, `skipped` the `filtered`, `before_cutover` and `dry_run`,
    `accepted` the `parts` that events became beyond the first one, `discarded` what was unmapped
    until it `expired`. `flags` counts what somebody has to do at the destination by hand.
    `retried` and `buried` count how often something began to wait for a retry or became a dead
    letter, whatever it came to since; a release before may not have counted.
    """

    accepted: int
    waiting: int
    retrying: int
    dead: int
    unconfirmed: int
    unmapped: int
    delivered: int
    skipped: int
    discarded: int
    oldest_ms: int | None
    pumps: int
    held_until: int | None
    failures: int
    why: str
    flags: int = 0
    filtered: int = 0
    before_cutover: int = 0
    dry_run: int = 0
    parts: int = 0
    expired: int = 0
    retried: int = 0
    delivered_after_retry: int = 0
    buried: int = 0

    @property
    def unaccounted(self) -> int:
        """Accepted deliveries that are nowhere (or, below 0, that are in two places)."""
        finished = self.delivered + self.skipped + self.discarded
        return self.accepted - finished - self.waiting - self.retrying - self.dead - self.unmapped


@dataclass(frozen=True, slots=True)
class Day:
    """What became until now of the deliveries that were accepted on a day (UTC).

    The log does not count by day: `waiting` is what is in none of the other places.
    """

    day: date
    accepted: int
    retrying: int
    dead: int
    unmapped: int
    delivered: int
    skipped: int
    discarded: int

    @property
    def waiting(self) -> int:
        elsewhere = self.retrying + self.dead + self.unmapped
        return self.accepted - elsewhere - self.delivered - self.skipped - self.discarded


def census(answer: Sequence[bytes]) -> Census:
    """The census that census.lua answers."""
    waiting, retrying, dead, unmapped, unconfirmed, flags, *rest = answer
    pumps, held, failures, why, oldest, *words = rest
    pairs = zip(words[::2], words[1::2], strict=True)
    counts = {name.decode(): int(count) for name, count in pairs}
    return Census(
        accepted=counts.get("accepted", 0),
        waiting=int(waiting),
        retrying=int(retrying),
        dead=int(dead),
        unconfirmed=int(unconfirmed),
        unmapped=int(unmapped),
        delivered=counts.get("delivered", 0),
        skipped=counts.get("skipped", 0),
        discarded=counts.get("discarded", 0),
        oldest_ms=int(oldest) or None,
        pumps=int(pumps),
        held_until=int(held) or None,
        failures=int(failures),
        why=why.decode() if int(held) or int(failures) else "",
        flags=int(flags),
        filtered=counts.get("filtered", 0),
        before_cutover=counts.get("before_cutover", 0),
        dry_run=counts.get("dry_run", 0),
        parts=counts.get("parts", 0),
        expired=counts.get("expired", 0),
        retried=counts.get("retried", 0),
        delivered_after_retry=counts.get("delivered_after_retry", 0),
        buried=sum(count for name, count in counts.items() if name.startswith("buried:")),
    )


def days(store: redis.Redis, destination: str, now: int, newest: int) -> list[Day]:
    """The newest days until `now` (ms since the epoch) on which something was accepted."""
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    asked = [today - timedelta(back) for back in range(min(newest, DAYS_KEPT))]
    pipe = store.pipeline(transaction=False)
    for day in asked:
        pipe.hgetall(destination_key(destination, "day:") + str((day - EPOCH).days))
    found = cast("list[dict[bytes, bytes]]", pipe.execute())
    return list(_days(zip(asked, found, strict=True)))


def _days(found: Iterator[tuple[date, dict[bytes, bytes]]]) -> Iterator[Day]:
    names = [name for name in Day.__dataclass_fields__ if name != "day"]
    for day, counts in found:
        if counts:
            yield Day(day, **{name: int(counts.get(name.encode(), 0)) for name in names})
