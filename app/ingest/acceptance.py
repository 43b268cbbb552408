"""What becomes of a request's events: each is accepted or refused alone.

Pure: values in, values out.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from app.ingest.body import Body, MalformedError
from app.ingest.routing import TYPES
from app.ingest.stamp import NOTHING, Arrival, Ignored, Limits, Outcome, Refused, Stamp, refused
from app.ingest.validation import NESTING_MAX, Fault, given, nests_deeper_than
from app.segment import Fields, members, text
from app.timestamps import moment, written

DELETE = "delete"  # Segment's webhooks tell of users who were deleted

_fields = msgspec.json.Decoder(Fields)
_items = msgspec.json.Decoder(list[Raw])
_TYPES_SHOWN = ", ".join(sorted(TYPES))


def accept(type_: str, body: Body, arrival: Arrival) -> Outcome:
    """The one event of a request to `/v1/<type>`."""
    fault = _excess(body.sent, arrival.limits)
    if fault is not None:
        return refused(fault, body.sent)
    stamp = Stamp(arrival, body.mended, written(arrival.received_at))
    return stamp.outcome(type_, body.fields, body.sent)


def accept_batch(body: Body, arrival: Arrival) -> Sequence[Outcome]:
    """Every event of a batch, in order; one refusal where there is no batch to speak of.

    Raises MalformedError when it nests too deeply to be taken apart.
    """
    batch = given(body.fields.get("batch"))
    if batch[:1] not in (b"", b"["):
        return [refused(Fault("bad_request", "batch: expected an array of events"), batch)]
    items = _taken_apart(batch or b"[]")
    if not items:
        return [refused(Fault("empty_batch", "batch: expected events, got none"), b"")]
    excess = _too_many(items, arrival.limits, batch)
    if excess is not None:
        return [excess]
    stamp = Stamp(
        arrival,
        body.mended,
        written(arrival.received_at),
        moment(body.fields.get("sentAt")),
        _shared(body, "context"),
        _shared(body, "integrations"),
        sum(len(given(body.fields.get(name))) for name in ("context", "integrations")),
    )
    return [_item(bytes(item), stamp) for item in items]


def accept_forwarded(
    items: Sequence[Raw], sent: bytes, arrival: Arrival, *, mended: bool
) -> Sequence[Outcome]:
    """Every event that Segment forwards in a webhook, in order; its times stand."""
    excess = _too_many(items, arrival.limits, sent)
    if excess is not None:
        return [excess]
    stamp = Stamp(arrival, mended, written(arrival.received_at), forwarded=True)
    return [_item(bytes(item), stamp) for item in items]


def _item(sent: bytes, stamp: Stamp) -> Outcome:
    if sent[:1] != b"{":
        return refused(Fault("bad_request", "expected each event to be an object"), sent)
    fault = _excess(sent, stamp.arrival.limits, stamp.shared_bytes)
    if fault is not None:
        return refused(fault, sent)
    fields = _fields.decode(sent)
    type_ = text(fields.get("type"))
    if type_ == DELETE and stamp.forwarded:
        return Ignored()
    if type_ not in TYPES:
        return refused(Fault("bad_request", f"type: expected one of {_TYPES_SHOWN}"), sent)
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


def _too_many(items: Sequence[Raw], limits: Limits, sent: bytes) -> Refused | None:
    if len(items) <= limits.batch_events:
        return None
    expected = f"batch: expected at most {limits.batch_events} events"
    return refused(Fault("bad_request", f"{expected}, got {len(items)}"), sent, len(items))


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
