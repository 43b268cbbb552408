"""The JSON of a request's body, one level deep."""

import re
from dataclasses import dataclass, replace

import msgspec

from app.segment import Fields, text

_fields = msgspec.json.Decoder(Fields)

# Escaped backslashes and whole pairs are stepped over; what is captured is half a pair.
_SURROGATE = re.compile(
    rb"(?:\\\\)+"
    rb"|(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})+"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class MalformedError(Exception):
    """The body is no JSON object; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request's JSON. `mended` tells that halves of surrogate pairs were replaced in it."""

    sent: bytes
    fields: Fields
    mended: bool

    @property
    def write_key(self) -> str | None:
        return text(self.fields.get("writeKey"))


def decode(body: bytes) -> Body:
    """The members of the body. Raises MalformedError.

    Half a surrogate pair is JSON, and JavaScript writes it, but no text: it becomes U+FFFD.
    """
    try:
        if not body.isascii():
            body.decode()
        return Body(body, _fields.decode(body), mended=False)
    except UnicodeDecodeError as wrong:
        raise MalformedError(f"expected UTF-8, got another byte at {wrong.start}") from None
    except RecursionError:
        raise MalformedError("expected JSON that nests less deeply") from None
    except msgspec.DecodeError as wrong:
        mended = _SURROGATE.sub(_replaced, body)
        if mended == body:
            raise MalformedError(f"expected a JSON object: {wrong}") from None
    return replace(decode(mended), mended=True)


def _replaced(found: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if found[1] else found[0]
