"""When an event happened, by a clock that can be trusted more than the sender's."""

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Raw

from app.segment import text

EPOCH: Final = datetime.fromtimestamp(0, UTC)


def moment(value: Raw | None) -> datetime | None:
    """The moment that an ISO 8601 string names, in UTC; None when it names none.

    A moment without an offset is taken as UTC.
    """
    written = text(value)
    if not written:
        return None
    try:
        parsed = datetime.fromisoformat(written.upper())
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def corrected(
    timestamp: datetime | None, sent_at: datetime | None, received_at: datetime
) -> datetime:
    """The timestamp freed of the skew of the sender's clock: receivedAt - (sentAt - timestamp).

    Without sentAt the timestamp stands; without either the moment of arrival does (Segment's
    Spec: Common Fields).
    """
    if timestamp is None:
        return received_at
    if sent_at is None:
        return timestamp
    try:
        return received_at - (sent_at - timestamp)
    except OverflowError:
        return timestamp


def written(at: datetime) -> str:
    """RFC 3339 with milliseconds; the moment must be in UTC."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def instant(ms: int) -> str:
    """A moment in ms since the epoch, written."""
    return written(EPOCH + timedelta(milliseconds=ms))
