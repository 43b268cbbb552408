"""What lists show of a dead letter, and how the store keeps it."""

import msgspec

from app.delivery import Delivery
from app.fingerprint import fingerprint
from app.segment import Event


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """What lists show of a buried delivery; the delivery itself lies beside it.

    Its key is `<partition>-<entry>`, the same each time it is buried. Scripts read the first four:
    `id` is the delivery's, `reason` is from a closed set, `group` names what failed alike, `user`
    is the key of its order. Moments are in ms since the epoch; `status` is that of the last
    answer.
    """

    id: str
    reason: str
    group: str
    user: str
    message: str
    status: int | None
    source: str
    event: str
    accepted_at: int
    buried_at: int
    attempts: int


def letter(tried: Delivery, reason: str, message: str, now: int) -> Letter:
    """The letter of a delivery that is buried at `now`."""
    last = tried.attempts[-1] if tried.attempts else None
    status = last.status if last else None
    return Letter(
        id=tried.id,
        reason=reason,
        group=fingerprint(reason, status, message),
        user=tried.user,
        message=message,
        status=status,
        source=tried.source,
        event=event_name(tried.event),
        accepted_at=tried.accepted_at,
        buried_at=now,
        attempts=len(tried.attempts),
    )


def event_name(event: bytes) -> str:
    """How lists name it. What nothing can read is buried all the same."""
    try:
        decoded = Event.decode(event)
        return decoded.text("event") or decoded.type
    except msgspec.DecodeError:
        return ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Letter)


def encode(letter: Letter) -> bytes:
    return _encoder.encode(letter)


def decode(packed: bytes) -> Letter:
    return _decoder.decode(packed)
