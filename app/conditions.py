"""Whether an event meets a condition on its properties. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from app.segment import Event, value_at
from app.settings.conditions import Scalar


def has(event: Event, properties: Mapping[str, Scalar]) -> bool:
    """Whether all these values stand in the event's properties, at paths in dot notation.

    Values are equal as JSON: the text "12" is not the number 12, which 12.0 is.
    """
    return all(
        is_same(value_at(event.properties, path), wanted) for path, wanted in properties.items()
    )


def is_same(found: Raw | None, wanted: Scalar) -> bool:
    """Whether a JSON value is that text, number or truth; never for an object, array or null."""
    written = bytes(found or b"").lstrip()
    if written[:1] in (b"", b"{", b"[", b"n"):
        return False
    try:
        value = msgspec.json.decode(written)
    except msgspec.DecodeError:
        return False  # a number beyond all that a float holds
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
