"""Segment's event as the relay keeps it: JSON whose values stay the bytes that the source sent.

Field names and meanings are Segment's (HTTP Tracking API and Spec: Common Fields).
"""

from dataclasses import dataclass
from functools import cached_property

import msgspec
from msgspec import Raw

Fields = dict[str, Raw]

_fields = msgspec.json.Decoder(Fields)
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True)
class Event:
    """An accepted event. `fields` are its members, each value as the very bytes that came in.

    `raw` is the whole of it, as it was accepted.
    """

    fields: Fields
    raw: bytes = b""

    @classmethod
    def decode(cls, event: bytes) -> "Event":
        """The event whose JSON this is. Raises msgspec.DecodeError when it is no JSON object."""
        return cls(_fields.decode(event), event)

    @cached_property
    def type(self) -> str:
        return self.text("type") or ""

    @cached_property
    def message_id(self) -> str:
        return self.text("messageId") or ""

    @cached_property
    def timestamp(self) -> str:
        """When it happened: RFC 3339, UTC, corrected for the sender's clock."""
        return self.text("timestamp") or ""

    @cached_property
    def user_id(self) -> str | None:
        return self.text("userId")

    @cached_property
    def properties(self) -> Fields:
        return members(self.fields.get("properties")) or {}

    @cached_property
    def traits(self) -> Fields:
        return members(self.fields.get("traits")) or {}

    def text(self, name: str) -> str | None:
        """The string under `name`; None when it is absent or no string."""
        return text(self.fields.get(name))

    def value(self, path: str) -> Raw | None:
        """What stands at a path from the root of the event, in dot notation: `context.groupId`."""
        return value_at(self.fields, path)


def members(value: Raw | None) -> Fields | None:
    """The members of a JSON object, one level deep; None when the value is no object."""
    return _fields.decode(value) if value is not None and _begins(value, b"{") else None


def text(value: Raw | None) -> str | None:
    """The text of a JSON string; None when the value is no string."""
    return _text.decode(value) if value is not None and _begins(value, b'"') else None


def value_at(fields: Fields, path: str) -> Raw | None:
    """What stands at a path in dot notation; a member whose own name has dots comes first."""
    if path in fields:
        return fields[path]
    name, dot, rest = path.partition(".")
    inner = members(fields.get(name)) if dot else None
    return value_at(inner, rest) if inner is not None else None


def _begins(value: Raw, mark: bytes) -> bool:
    return bytes(value).lstrip()[:1] == mark
