"""The JSON of a request's body, one level deep, and what is mended where it is nearly JSON."""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import Raw

from app.segment import Fields, text

T = TypeVar("T")

_fields = msgspec.json.Decoder(Fields)
_items = msgspec.json.Decoder(list[Raw])

# Escaped backslashes and whole pairs are stepped over; what is captured is half a pair.
_SURROGATE = re.compile(
    rb"(?:\\\\)+"
    rb"|(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})+"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
# Strings are stepped over in runs; one that does not end as well, else each of its quotes would
# be tried for a beginning.
_NO_NUMBER = re.compile(
    rb'(?:"(?:[^"\\]|\\.)*+(?:"|\\?\Z)[^"NI-]*+)++|(-?Infinity\b|NaN\b)', re.DOTALL
)


class MalformedError(Exception):
    """The body is not the JSON that was expected; the message says what came instead."""


class Body(msgspec.Struct, frozen=True):
    """A request's JSON.

    `mended` tells that halves of surrogate pairs were replaced in it, `lenient` that what Python
    writes for numbers that JSON has not (NaN, Infinity) became null.
    """

    sent: bytes
    fields: Fields
    mended: bool = False
    lenient: bool = False

    @property
    def write_key(self) -> str | None:
        return text(self.fields.get("writeKey"))


@dataclass(frozen=True, slots=True)
class Array:
    """A JSON array of at least one item; `first` is the very bytes of its first one."""

    items: list[Raw]
    first: bytes
    mended: bool


def decode(body: bytes) -> Body:
    """The members of the body. Raises MalformedError.

    Half a surrogate pair is JSON, and JavaScript writes it, but no text: it becomes U+FFFD.
    """
    try:
        return Body(body, _decoded(_fields, body))
    except msgspec.DecodeError as wrong:
        plain = body.removeprefix(BOM_UTF8)
        numbers = _NO_NUMBER.sub(_or_null, plain)
        mended = _whole(numbers)
        if mended == body:
            raise MalformedError(f"expected a JSON object: {wrong}") from None
    try:
        fields = _decoded(_fields, mended)
    except msgspec.DecodeError as wrong:
        raise MalformedError(f"expected a JSON object: {wrong}") from None
    return Body(mended, fields, mended=mended != numbers, lenient=numbers != plain)


def decode_array(body: bytes) -> Array:
    """The items of the body. Raises MalformedError."""
    mended = body
    try:
        try:
            items = _decoded(_items, body)
        except msgspec.DecodeError:
            mended = _whole(body)
            items = _decoded(_items, mended)
    except msgspec.DecodeError as wrong:
        raise MalformedError(f"expected a JSON array: {wrong}") from None
    if not items:
        raise MalformedError("expected at least one event in the array, got none")
    start = body.index(bytes(items[0])[:1], body.index(b"[") + 1)
    return Array(items, body[start : start + len(bytes(items[0]))], mended != body)


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        if not body.isascii():
            body.decode()
        return decoder.decode(body)
    except UnicodeDecodeError as wrong:
        raise MalformedError(f"expected UTF-8, got another byte at {wrong.start}") from None
    except RecursionError:
        raise MalformedError("expected JSON that nests less deeply") from None


def _whole(body: bytes) -> bytes:
    """The same JSON, as long as it was, without halves of surrogate pairs."""
    return _SURROGATE.sub(_replaced, body)


def _replaced(found: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if found[1] else found[0]


def _or_null(found: re.Match[bytes]) -> bytes:
    return b"null" if found[1] else found[0]
