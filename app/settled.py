"""The newest finished deliveries, in a bounded ring: for traces, and for the latency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec
import redis

from app.keys import destination_key

READ_AT_ONCE = 10
MS_MIN = 1_000  # of less time a pace says nothing


Finish = Literal["delivered", "skipped", "filtered", "before_cutover", "dry_run"]
"""How a delivery is finished: all but the first are ways of being skipped."""


class Finished(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that is finished, and how many attempts that took."""

    id: str
    verb: Finish
    accepted_at: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A finished delivery and when it was settled (ms since the epoch)."""

    finished: Finished
    at: int

    @property
    def latency_ms(self) -> int:
        """From acceptance, by the store's clock."""
        return max(0, self.at - self.finished.accepted_at)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the newest delivered ones took from acceptance, in ms; None without any."""

    p50: int | None
    p95: int | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Finished, ...])
_counter = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])


def encode(finished: Iterable[Finished]) -> bytes:
    """What the ring keeps of one settlement; empty when nothing was finished."""
    told = tuple(finished)
    return _encoder.encode(told) if told else b""


def newest(store: redis.Redis, destination: str, settlements: int) -> Iterator[Settled]:
    """What the newest settlements finished, the newest first."""
    key = destination_key(destination, "settled")
    for begin in range(0, settlements, READ_AT_ONCE):
        end = min(begin + READ_AT_ONCE, settlements) - 1
        for kept in cast("list[bytes]", store.lrange(key, begin, end)):
            at, _, told = kept.partition(b" ")
            yield from (Settled(one, int(at)) for one in reversed(_decoder.decode(told)))


def pace(kept: Sequence[bytes], now: int) -> float | None:
    """How many a second were finished by now, over these settlements; the newest come first.

    None when there are none. While nothing is finished it falls.
    """
    if not kept:
        return None
    parted = [one.partition(b" ") for one in kept]
    finished = sum(len(_counter.decode(told)) for _, _, told in parted)
    return finished / (max(MS_MIN, now - int(parted[-1][0])) / 1000)


def latency(newest: Iterable[Settled]) -> Latency:
    took = sorted(one.latency_ms for one in newest if one.finished.verb == "delivered")
    if not took:
        return Latency(None, None)
    return Latency(took[len(took) // 2], took[len(took) * 95 // 100])
