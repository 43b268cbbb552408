"""What a destination in a dry run would have been sent: the newest, in a bounded list."""

from typing import Literal, cast

import msgspec
import redis

from app.keys import destination_key

SHOWN_MAX = 100  # as settle.lua keeps

Fate = Literal["sent", "rejected", "unmapped", "untransformable"]


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What would have become of a delivery, at a moment in ms since the epoch.

    Where it would have been `sent`, method, path and body are those of its request, alone; of a
    destination that asks before it changes something, of the first one.
    """

    id: str
    user: str
    at: int
    would_be: Fate
    why: str = ""
    method: str = ""
    path: str = ""
    body: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Shown)


def encode(one: Shown) -> bytes:
    return _encoder.encode(one)


def newest(store: redis.Redis, destination: str, limit: int = SHOWN_MAX) -> list[Shown]:
    """The newest first."""
    found = store.lrange(destination_key(destination, "shown"), 0, limit - 1)
    return [_decoder.decode(one) for one in cast("list[bytes]", found)]
