"""How destinations stood, once a minute for a day: for charts, and for rates.

The tick takes the samples. While it is away there are none, and `by_minute` shows the gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from app.keys import destination_key
from app.ledger import Census

MINUTE_MS = 60_000
HOUR = 60  # minutes, as a reader asks for them
DAY = 24 * HOUR


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A destination's ledger at a moment (ms since the epoch), as `Census` has it.

    `oldest_at` is when the oldest that waits was accepted, 0 when nothing does.
    """

    at: int
    accepted: int = 0
    delivered: int = 0
    skipped: int = 0
    discarded: int = 0
    waiting: int = 0
    retrying: int = 0
    dead: int = 0
    unconfirmed: int = 0
    unmapped: int = 0
    retried: int = 0
    buried: int = 0
    oldest_at: int = 0

    @property
    def oldest_ms(self) -> int | None:
        """For how long the oldest had waited."""
        return max(0, self.at - self.oldest_at) if self.oldest_at else None


@dataclass(frozen=True, slots=True)
class Rates:
    """What a destination's deliveries did per second. `retried` began to wait for a retry."""

    accepted: float
    delivered: float
    skipped: float
    discarded: float
    retried: float
    buried: float


_encode = msgspec.msgpack.Encoder().encode
_sample = msgspec.msgpack.Decoder(Sample)


def sample(census: Census, at: int = 0) -> Sample:
    """A census as it was read at a moment (ms since the epoch)."""
    taken = {name: getattr(census, name) for name in Sample.__struct_fields__[1:-1]}
    return Sample(at, **taken, oldest_at=census.oldest_ms or 0)


def encode(one: Sample) -> bytes:
    """A sample as sample.lua takes it, which says when it was taken."""
    return _encode(one)


def samples(store: redis.Redis, destination: str, newest: int = DAY) -> list[Sample]:
    """The newest samples of a destination, in order."""
    key = destination_key(destination, "history")
    kept = cast("list[bytes]", store.lrange(key, 0, newest - 1))
    return [_sample.decode(one) for one in reversed(kept)]


def by_minute(found: Iterable[Sample], until: int, minutes: int) -> list[Sample | None]:
    """A place for each of the minutes before `until` (ms since the epoch), in order.

    None where a minute has no sample.
    """
    taken = {one.at // MINUTE_MS: one for one in found}
    last = until // MINUTE_MS
    return [taken.get(minute) for minute in range(last - minutes + 1, last + 1)]


def rates(before: Sample, after: Sample) -> Rates | None:
    """What happened per second from one sample to the other; None when that cannot be told.

    It cannot where no time lies between them, or the store was emptied.
    """
    seconds = (after.at - before.at) / 1000
    names = Rates.__dataclass_fields__
    grown = [getattr(after, name) - getattr(before, name) for name in names]
    return None if seconds <= 0 or min(grown) < 0 else Rates(*(by / seconds for by in grown))
