"""One event bound for one destination, and the attempts that were made to deliver it."""

from collections.abc import Mapping

import msgspec


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try: when it began (ms since the epoch), how it ended, how long it took (ms).

    Only the last attempt of a delivery keeps what was sent and what came back.
    """

    at: int
    status: int | None
    error: str
    took: int
    request: str = ""
    response: str = ""


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """What the log keeps for a destination.

    `id` is the event's message id, with `#<part>` where one event becomes several deliveries;
    `user` is the key of its order; `event` is the event's JSON as accepted, without its write
    key; `accepted_at` is in ms since the epoch. `original` is the event that came, once an
    operator has edited it. The first `spent` of the attempts were made before it was last buried:
    they are its history, and no longer count when it is to be given up. `matched` are the rules
    that have mapped it; they count it once it is finished or buried. `mapped` tells that rules
    wrote the event, and `received` that the pipeline has counted it, for it was settled before.
    """

    id: str
    source: str
    user: str
    event: bytes
    accepted_at: int
    attempts: tuple[Attempt, ...] = ()
    original: bytes | None = None
    spent: int = 0
    matched: tuple[str, ...] = ()
    mapped: bool = False
    received: bool = False

    @property
    def chosen_by(self) -> bytes:
        """The event by which it is sent or left out: never what rules wrote into it."""
        return self.original if self.mapped and self.original is not None else self.event

    @property
    def counted(self) -> tuple[Attempt, ...]:
        """The attempts that count when it is to be given up."""
        return self.attempts[self.spent :]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Delivery)


def encode(delivery: Delivery) -> bytes:
    """A delivery as a retry keeps it."""
    return _encoder.encode(delivery)


def decode(payload: bytes) -> Delivery:
    return _decoder.decode(payload)


def logged(entry: bytes, fields: Mapping[bytes, bytes]) -> Delivery:
    """A delivery as the stream keeps it; an entry's id begins with the ms of its acceptance."""
    return Delivery(
        id=fields[b"i"].decode(),
        source=fields[b"s"].decode(),
        user=fields[b"u"].decode(),
        event=fields[b"e"],
        accepted_at=int(entry.partition(b"-")[0]),
    )
