"""What an event becomes that is taken: checked, stamped, merged with what its batch shares.

Pure: values in, values out. An event's values stay the very bytes that came, numbers included.
What is made for each event is a Struct, which takes a third of a dataclass's time to make.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Raw

from app.ingest.routing import Source
from app.ingest.validation import Fault, given, ids, message_id, shape
from app.segment import Fields, members
from app.timestamps import corrected, moment, written

SAMPLE_BYTES = 2048
NOT_KEPT = ("writeKey", "sentAt", "_metadata")

NOTHING: Fields = {}

_encoder = msgspec.json.Encoder()
_WRITE_KEY = re.compile(rb'("writeKey"\s*:\s*)"(?:[^"\\]|\\.)*+(?:"|\Z)')


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken: bytes of one event, events of one batch."""

    event_bytes: int
    batch_events: int


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from; `address` is empty when it cannot be told.

    `is_user` tells that users' own devices send here, so that the address is the user's; of other
    senders `context.direct` says so (Segment: HTTP Tracking API).
    """

    address: str = ""
    is_user: bool = False


class Arrival(msgspec.Struct, frozen=True):
    """Whose request came and when (UTC); `new_id` names an event whose sender did not.

    What is `bulk` is delivered after what is live.
    """

    source: Source
    received_at: datetime
    new_id: Callable[[], str]
    limits: Limits
    client: Client = Client()
    bulk: bool = False


class Accepted(msgspec.Struct, frozen=True):
    """An event as it is kept; without destinations it is routed nowhere."""

    id: str
    user: str
    event: bytes
    destinations: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True):
    """What is not kept, and the first 2 KB of what was sent, without its write key.

    `events` is more than one where a batch is refused as a whole.
    """

    code: str
    message: str
    sample: bytes
    events: int = 1


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is taken and comes to nothing, for it is no usage."""


Outcome = Accepted | Refused | Ignored


def refused(fault: Fault, sent: bytes, events: int = 1) -> Refused:
    sample = _WRITE_KEY.sub(rb'\1"***"', sent[:SAMPLE_BYTES])
    return Refused(fault.code, fault.message, sample, events)


class Stamp(msgspec.Struct, frozen=True):
    """What the events of a request have in common, and what it makes of each.

    `forwarded` tells that Segment has stamped and routed them: their times stand.
    """

    arrival: Arrival
    mended: bool
    received_at: str
    sent_at: datetime | None = None
    context: Fields = NOTHING
    integrations: Fields = NOTHING
    shared_bytes: int = 0
    forwarded: bool = False

    def outcome(self, type_: str, fields: Fields, sent: bytes) -> Accepted | Refused:
        found = ids(type_, fields, mended=self.mended)
        if isinstance(found, Fault):
            return refused(found, sent)
        id_ = message_id(fields, mended=self.mended)
        if isinstance(id_, Fault):
            return refused(id_, sent)
        fault = shape(type_, fields)
        if fault is not None:
            return refused(fault, sent)
        named = found | {"type": type_, "messageId": id_ or self.arrival.new_id()}
        return self._accepted(fields, named)

    def _accepted(self, fields: Fields, named: dict[str, str]) -> Accepted:
        times = self._kept_times(fields) if self.forwarded else self._times(fields)
        stored = {**fields, **named, **times}
        switches = _merged(self.integrations, fields.get("integrations"))
        if self.integrations:
            stored["integrations"] = switches
        if self.context:
            stored["context"] = _merged(self.context, fields.get("context"))
        if self.arrival.client.address:
            self._locate(stored, fields.get("context"))
        for name in NOT_KEPT:
            stored.pop(name, None)
        return Accepted(
            named["messageId"],
            named.get("userId") or named["anonymousId"],
            _encoder.encode(stored),
            self.arrival.source.destinations(named["type"], switches, forwarded=self.forwarded),
        )

    def _locate(self, stored: dict[str, object], own: Raw | None) -> None:
        """Put the client's address into a context that has none."""
        client = self.arrival.client
        if given(own)[:1] not in (b"", b"{"):
            return
        context = _merged(self.context, own)
        is_users = client.is_user or given(context.get("direct")) == b"true"
        if is_users and not given(context.get("ip")):
            stored["context"] = {**context, "ip": client.address}

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

    def _kept_times(self, fields: Fields) -> dict[str, object]:
        received_at = moment(fields.get("receivedAt")) or self.arrival.received_at
        timestamp = moment(fields.get("timestamp")) or received_at
        times: dict[str, object] = {
            "timestamp": written(timestamp),
            "receivedAt": written(received_at),
        }
        if not given(fields.get("originalTimestamp")) and given(fields.get("timestamp")):
            times["originalTimestamp"] = fields["timestamp"]
        return times


def _merged(shared: Fields, own: Raw | None) -> Fields:
    return {**shared, **(members(own) or NOTHING)}
