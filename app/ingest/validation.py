"""What Segment refuses in an event, under Segment's own codes (docs: Delivery Overview)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from msgspec import Raw

from app.segment import Fields, text

MESSAGE_ID_MAX = 100
NESTING_MAX = 200  # whoever reads an event later recurses too, from a deeper stack than ingest's

REPLACEMENT = "\ufffd"
# 1e999999999 is a whole number too, so exponents have at most three digits.
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")

_OWN_IDS = {"group": ("groupId",), "alias": ("previousId",)}
_REQUIRED_IDS = {"group": ("groupId",), "alias": ("previousId", "userId")}
_OBJECTS = {
    "track": "properties",
    "page": "properties",
    "screen": "properties",
    "identify": "traits",
    "group": "traits",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an event is refused; the code is Segment's, where Segment has one."""

    code: str
    message: str


def given(value: Raw | None) -> bytes:
    """The JSON of a value; empty when it is absent or null, which SDKs send for absent."""
    written = b"" if value is None else bytes(value)
    return b"" if written == b"null" else written


def ids(type_: str, fields: Fields, *, mended: bool) -> dict[str, str] | Fault:
    """The ids that an event of this type has, as text.

    `mended` tells that unpaired surrogates were replaced in this request: an id that shows a
    replacement may have been another one, so it is refused.
    """
    found: dict[str, str] = {}
    for name in ("userId", "anonymousId", *_OWN_IDS.get(type_, ())):
        if written := given(fields.get(name)):
            id_ = number(written) if _is_number(written) else text(fields[name])
            if not id_ or (mended and REPLACEMENT in id_):
                expected = "expected a non-empty string or a whole number"
                return Fault("id_not_string", f"{name}: {expected}, got {_shown(written)}")
            found[name] = id_
    if "userId" not in found and "anonymousId" not in found:
        return Fault("no_user_anon_id", "expected userId or anonymousId, got neither")
    for name in _REQUIRED_IDS.get(type_, ()):
        if name not in found:
            return Fault("id_required", f"{name}: a call of type {type_} needs it, got none")
    return found


def message_id(fields: Fields, *, mended: bool) -> str | Fault:
    """The sender's message id as text; empty when it gave none."""
    written = given(fields.get("messageId"))
    if not written:
        return ""
    id_ = _text_or_number(fields["messageId"], written)
    if id_ is None or (mended and REPLACEMENT in id_):
        return Fault("bad_request", f"messageId: expected a string, got {_shown(written)}")
    if len(id_) > MESSAGE_ID_MAX:
        return Fault(
            "bad_request",
            f"messageId: expected at most {MESSAGE_ID_MAX} characters, got {len(id_)}",
        )
    return id_


def shape(type_: str, fields: Fields) -> Fault | None:
    """What is wrong with the members that this type of call has."""
    return next(_faults(type_, fields), None)


def number(written: bytes) -> str | None:
    """The decimal digits of a whole number, exact at any length; None when it is none."""
    if _INTEGER.fullmatch(written):
        return "0" if written == b"-0" else written.decode()
    if not _NUMBER.fullmatch(written):
        return None
    value = Decimal(written.decode())
    if value != value.to_integral_value():
        return None
    return f"{value:f}".partition(".")[0] if value else "0"


def nests_deeper_than(value: bytes, limit: int) -> bool:
    """Whether a JSON text has more levels; texts with few brackets are not looked at twice."""
    if value.count(b"{") + value.count(b"[") <= limit:
        return False
    brackets = _STRING.sub(b"", value).translate(_ONE_KIND, delete=_NO_BRACKET)
    return max(accumulate(1 if bracket == ord("[") else -1 for bracket in brackets)) > limit


def _text_or_number(value: Raw, written: bytes) -> str | None:
    if _is_number(written):
        return number(written) or written.decode()
    return text(value)


def _is_number(written: bytes) -> bool:
    return written[:1] in b"-0123456789"


def _faults(type_: str, fields: Fields) -> Iterator[Fault]:
    if type_ == "track":
        event = given(fields.get("event"))
        if event in (b"", b'""'):
            yield Fault("event_not_defined", "event: a track call needs a name, got none")
        elif event[:1] != b'"':
            yield Fault("event_not_string", f"event: expected a string, got {_shown(event)}")
    if type_ in ("page", "screen"):
        for name in ("name", "category"):
            value = given(fields.get(name))
            if value and (value[:1] != b'"' or value == b'""'):
                yield Fault(
                    f"{name}_not_string",
                    f"{name}: expected a non-empty string, got {_shown(value)}",
                )
    if holder := _OBJECTS.get(type_):
        value = given(fields.get(holder))
        if value and value[:1] != b"{":
            yield Fault(
                f"{holder}_not_object", f"{holder}: expected an object, got {_shown(value)}"
            )


def _shown(written: bytes) -> str:
    """The kind of a value and no more of it, for messages end up in places without secrets."""
    match written[:1]:
        case b'"':
            return "an empty string" if written == b'""' else "a string with half a character"
        case b"{":
            return "an object"
        case b"[":
            return "an array"
        case b"t" | b"f":
            return "a boolean"
        case _:
            return "a number"
