"""Dead letters: deliveries that wait for an operator's decision."""

import msgspec

from app.delivery import Delivery


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A buried delivery: why (a reason from a closed set, and what was said), and since when."""

    delivery: Delivery
    reason: str
    message: str
    buried_at: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Letter)


def encode(letter: Letter) -> bytes:
    return _encoder.encode(letter)


def decode(payload: bytes) -> Letter:
    return _decoder.decode(payload)
