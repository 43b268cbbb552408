"""Segment's Webhooks destinations, classic and Actions: signed events that Segment has stamped.

Segment signs an array by its first event only (Twilio Segment: Webhook (Actions)); of the others
the signature says nothing.
"""

import hmac
from collections.abc import Mapping

from msgspec import Raw

from app.ingest.acceptance import accept_forwarded
from app.ingest.answers import Answer, error, malformed
from app.ingest.body import Array, MalformedError, decode, decode_array
from app.ingest.inflate import inflated
from app.ingest.reception import Reception
from app.ingest.request import Request, read
from app.ingest.routing import Source, Sources
from app.ingest.stamp import Limits
from app.settings import Settings

EVENTS_MAX = 4000  # the most that Segment puts into one request
EVENT_GROWTH = 2  # Segment measured an event before it added fields of its own

UNKNOWN = error(
    401, "unknown_source", "expected the id of a source of relay.toml in /v1/webhook/<source>"
)
BAD_SIGNATURE = error(
    401,
    "bad_signature",
    "expected X-Signature to be the hex HMAC-SHA1 of the body (of an array: of its first event) "
    "under the webhook_secret of this source; look at the shared secret of Segment's destination",
)


class Webhooks:
    """Takes what Segment forwards to `/v1/webhook/<source>`."""

    def __init__(self, settings: Settings, sources: Sources, reception: Reception) -> None:
        self._sources = sources
        self._reception = reception
        self._bytes_max = settings.webhook_bytes_max
        self._limits = Limits(EVENT_GROWTH * settings.event_bytes_max, EVENTS_MAX)
        self._secrets: Mapping[str, bytes] = {
            name: source.webhook_secret.get_secret_value().encode()
            for name, source in settings.sources.items()
            if source.webhook_secret is not None
        }

    async def answer(self, request: Request) -> Answer:
        name = request.path.rpartition("/")[2]
        source = self._sources.by_id.get(name)
        secret = self._secrets.get(name)
        if source is None:
            return UNKNOWN
        if secret is None:
            return _without_secret(name)
        sent = await read(request.receive, self._bytes_max)
        encoding = request.headers.get(b"content-encoding", b"")
        try:
            events = _events(inflated(sent, encoding, self._bytes_max))
        except MalformedError as wrong:
            return malformed(str(wrong))
        if not _is_signed(events.first, secret, request.headers.get(b"x-signature", b"")):
            return BAD_SIGNATURE
        return await self._taken(source, events)

    async def _taken(self, source: Source, events: Array) -> Answer:
        arrival = self._reception.arrival(source, limits=self._limits)
        outcomes = accept_forwarded(events.items, events.first, arrival, mended=events.mended)
        return await self._reception.kept(outcomes, arrival)


def _events(body: bytes) -> Array:
    """The events of a body, and the bytes that Segment signed."""
    if body.lstrip()[:1] == b"[":
        return decode_array(body)
    decoded = decode(body)
    return Array([Raw(decoded.sent.strip())], body, decoded.mended)


def _is_signed(signed: bytes, secret: bytes, signature: bytes) -> bool:
    expected = hmac.digest(secret, signed, "sha1").hex().encode()
    return hmac.compare_digest(expected, signature.strip().lower())


def _without_secret(name: str) -> Answer:
    message = f"the source {name} takes no webhooks; set sources.{name}.webhook_secret for that"
    return error(401, "unknown_source", message)
