"""What an operator may make of the event of a dead letter. Pure."""

from collections.abc import Collection

import msgspec

from app.delivery import Delivery
from app.segment import Event

EVENT_BYTES_MAX = 32 * 1024
TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")


class BadPayload(ValueError):
    """An event that cannot take another's place; `field` names its member, if one is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


def edited(delivery: Delivery, event: bytes, accepts: Collection[str]) -> Delivery:
    """The delivery with another event; the first one stays beside it. Raises BadPayload."""
    found, fields = _compact(event)
    if len(found) > EVENT_BYTES_MAX:
        raise BadPayload("", f"expected at most {EVENT_BYTES_MAX:,} bytes, found {len(found):,}")
    wanted = message_id(delivery)
    if fields.message_id != wanted:
        raise BadPayload("messageId", f"expected {wanted!r}, found {_shown(fields, 'messageId')}")
    if fields.type not in accepts:
        kinds = ", ".join(sorted(accepts))
        raise BadPayload("type", f"expected one of {kinds}; found {_shown(fields, 'type')}")
    found = _with_times(found, fields, delivery.event)
    original = delivery.event if delivery.original is None else delivery.original
    return msgspec.structs.replace(delivery, event=found, original=original, mapped=False)


def message_id(delivery: Delivery) -> str:
    """The id of the event; the delivery's own says the part as well where it became several."""
    try:
        return Event.decode(delivery.event).message_id or delivery.id
    except msgspec.DecodeError:
        return delivery.id


def _with_times(found: bytes, new: Event, former: bytes) -> bytes:
    """The new event, with the moments of the former one that it lacks.

    Who gives another `timestamp` means another moment, so the original one is not kept then.
    """
    names = ("receivedAt",) if _has(new, "timestamp") else TIMES
    try:
        old = Event.decode(former)
    except msgspec.DecodeError:
        return found
    kept = {name: old.fields[name] for name in names if _has(old, name) and not _has(new, name)}
    return msgspec.json.encode({**new.fields, **kept}) if kept else found


def _has(event: Event, name: str) -> bool:
    return name in event.fields and bytes(event.fields[name]) != b"null"


def _compact(event: bytes) -> tuple[bytes, Event]:
    """The event without spaces between its values, which stay the bytes that came."""
    try:
        event.decode()  # msgspec leaves the text in a Raw unread
        compact = msgspec.json.format(event, indent=-1)
        return compact, Event.decode(compact)
    except UnicodeDecodeError:
        raise BadPayload("", "expected a JSON object in UTF-8, found other bytes") from None
    except msgspec.DecodeError as error:
        raise BadPayload("", f"expected a JSON object: {error}") from None
    except RecursionError:
        raise BadPayload("", "expected a JSON object that nests less deep") from None


def _shown(event: Event, name: str) -> str:
    if name not in event.fields:
        return "none"
    return repr(text) if (text := event.text(name)) is not None else "no text"
