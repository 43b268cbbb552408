"""The newest finished deliveries, in a bounded ring: for traces, and for the latency."""

from collections.abc import Iterable, Iterator
from typing import cast

import msgspec
import redis

from app.keys import destination_key


class Finished(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that was `delivered` or `skipped`, and how many attempts that took."""

    id: str
    verb: str
    accepted_at: int
    attempts: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Finished, ...])


def encode(finished: Iterable[Finished]) -> bytes:
    """What the ring keeps of one settlement; empty when nothing was finished."""
    told = tuple(finished)
    return _encoder.encode(told) if told else b""


def newest(store: redis.Redis, destination: str, settlements: int) -> Iterator[Finished]:
    """What the newest settlements finished, the newest first."""
    key = destination_key(destination, "settled")
    for told in cast("list[bytes]", store.lrange(key, 0, settlements - 1)):
        yield from reversed(_decoder.decode(told))
