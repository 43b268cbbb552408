"""What becomes of a request's events: each is accepted, stamped and routed, or refused alone.

Pure: values in, values out. An event's values stay the very bytes that came, numbers included.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from msgspec import Raw

from app.ingest.body import Body, MalformedError
from app.ingest.routing import TYPES, Source
from app.ingest.validation import (
    NESTING_MAX,
    Fault,
    given,
    ids,
    message_id,
    nests_deeper_than,
    shape,
)
from app.segment import Fields, members, text
from app.timestamps import corrected, moment, written

SAMPLE_BYTES = 2048
NOT_KEPT = ("writeKey", "sentAt", "_metadata")

NOTHING: Fields = {}

_fields = msgspec.json.Decoder(Fields)
_items = msgspec.json.Decoder(list[Raw])
_encoder = msgspec.json.Encoder()
_TYPES_SHOWN = ", ".join(sorted(TYPES))

_WRITE_KEY = re.compile(rb'("writeKey"\s*:\s*)"(?:[^"\\]|\\.)*+(?:"|\Z)')


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken: bytes of one event, events of one batch."""

    event_bytes: int
    batch_events: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whose request came and when (UTC); `new_id` names an event whose sender did not."""

    source: Source
    received_at: datetime
    new_id: Callable[[], str]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event as it is kept; without destinations it is routed nowhere."""

    id: str
    user: str
    event: bytes
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that is not kept, and the first 2 KB of what was sent, without its write key."""

    code: str
    message: str
    sample: bytes


def accept(type_: str, body: Body, arrival: Arrival) -> Accepted | Refused:
    """The one event of a request to `/v1/<type>`."""
    fault = _excess(body.sent, arrival.limits)
    if fault is not None:
        return _refused(fault, body.sent)
    stamp = _Stamp(arrival, body.mended, written(arrival.received_at))
    return stamp.outcome(type_, body.fields, body.sent)


def accept_batch(body: Body, arrival: Arrival) -> list[Accepted | Refused]:
    """Every event of a batch, in order; one refusal where there is no batch to speak of.

    Raises MalformedError when it nests too deeply to be taken apart.
    """
    batch = given(body.fields.get("batch"))
    if batch[:1] not in (b"", b"["):
        return [_refused(Fault("bad_request", "batch: expected an array of events"), batch)]
    items = _taken_apart(batch or b"[]")
    if not items:
        return [_refused(Fault("empty_batch", "batch: expected events, got none"), b"")]
    if len(items) > arrival.limits.batch_events:
        expected = f"batch: expected at most {arrival.limits.batch_events} events"
        return [_refused(Fault("bad_request", f"{expected}, got {len(items)}"), batch)]
    stamp = _Stamp(
        arrival,
        body.mended,
        written(arrival.received_at),
        moment(body.fields.get("sentAt")),
        _shared(body, "context"),
        _shared(body, "integrations"),
        sum(len(given(body.fields.get(name))) for name in ("context", "integrations")),
    )
    return [_item(bytes(item), stamp) for item in items]


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What the events of a request have in common, and what it makes of each."""

    arrival: Arrival
    mended: bool
    received_at: str
    sent_at: datetime | None = None
    context: Fields = field(default_factory=dict)
    integrations: Fields = field(default_factory=dict)
    shared_bytes: int = 0

    def outcome(self, type_: str, fields: Fields, sent: bytes) -> Accepted | Refused:
        found = ids(type_, fields, mended=self.mended)
        if isinstance(found, Fault):
            return _refused(found, sent)
        id_ = message_id(fields, mended=self.mended)
        if isinstance(id_, Fault):
            return _refused(id_, sent)
        fault = shape(type_, fields)
        if fault is not None:
            return _refused(fault, sent)
        named = found | {"type": type_, "messageId": id_ or self.arrival.new_id()}
        return self._accepted(fields, named)

    def _accepted(self, fields: Fields, named: dict[str, str]) -> Accepted:
        stored = {**fields, **named, **self._times(fields)}
        switches = _merged(self.integrations, fields.get("integrations"))
        if self.integrations:
            stored["integrations"] = switches
        if self.context:
            stored["context"] = _merged(self.context, fields.get("context"))
        for name in NOT_KEPT:
            stored.pop(name, None)
        return Accepted(
            named["messageId"],
            named.get("userId") or named["anonymousId"],
            _encoder.encode(stored),
            self.arrival.source.destinations(named["type"], switches),
        )

    def _times(self, fields: Fields) -> dict[str, object]:
        """An item's own sentAt beats that of its batch."""
        original = fields.get("timestamp")
        timestamp = corrected(
            moment(original),
            moment(fields.get("sentAt")) or self.sent_at,
            self.arrival.received_at,
        )
        times: dict[str, object] = {
            "timestamp": written(timestamp),
            "receivedAt": self.received_at,
        }
        if given(original):
            times["originalTimestamp"] = original
        return times


def _item(sent: bytes, stamp: _Stamp) -> Accepted | Refused:
    if sent[:1] != b"{":
        return _refused(Fault("bad_request", "expected each event to be an object"), sent)
    fault = _excess(sent, stamp.arrival.limits, stamp.shared_bytes)
    if fault is not None:
        return _refused(fault, sent)
    fields = _fields.decode(sent)
    type_ = text(fields.get("type"))
    if type_ not in TYPES:
        return _refused(Fault("bad_request", f"type: expected one of {_TYPES_SHOWN}"), sent)
    return stamp.outcome(type_, fields, sent)


def _excess(sent: bytes, limits: Limits, shared_bytes: int = 0) -> Fault | None:
    """What a batch shares counts for each of its events, since each is kept with it."""
    size = len(sent) + shared_bytes
    if size > limits.event_bytes:
        expected = f"expected at most {limits.event_bytes} bytes for an event"
        return Fault("event_too_large", f"{expected}, got {size}")
    if nests_deeper_than(sent, NESTING_MAX):
        return Fault("bad_request", f"expected at most {NESTING_MAX} levels of nesting")
    return None


def _refused(fault: Fault, sent: bytes) -> Refused:
    sample = _WRITE_KEY.sub(rb'\1"***"', sent[:SAMPLE_BYTES])
    return Refused(fault.code, fault.message, sample)


def _taken_apart(batch: bytes) -> list[Raw]:
    try:
        return _items.decode(batch)
    except RecursionError:
        raise MalformedError("batch: expected JSON that nests less deeply") from None


def _shared(body: Body, name: str) -> Fields:
    """The members that a batch gives to each of its events."""
    shared = body.fields.get(name)
    if nests_deeper_than(given(shared), NESTING_MAX):
        raise MalformedError(f"{name}: expected at most {NESTING_MAX} levels of nesting")
    return members(shared) or NOTHING


def _merged(shared: Fields, own: Raw | None) -> Fields:
    return {**shared, **(members(own) or NOTHING)}
