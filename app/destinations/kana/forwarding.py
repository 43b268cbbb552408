"""Events for Kana's endpoint for Segment: each goes as it was accepted, and Kana reads it.

Kana's documentation names the URL, the key and the 400 for an anonymous event; what other answers
mean follows what Segment asks of its partners. That a repeat is recognised is nowhere said.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

import msgspec

from app.destination import Answer, Item, Lost, NotSent, Reply, Request, Skip, Transformed
from app.destinations.kana.calls import HEADERS, MESSAGE_MAX
from app.outcome import (
    Delivered,
    Outcome,
    Rejected,
    Retryable,
    Skipped,
    Unavailable,
    Unconfirmed,
)
from app.segment import Event

PATH = "/segment/events"
TYPES = frozenset({"identify", "track"})

# Kana drops what names no user; should it not, an identify without traits changes nothing.
PROBE = b'{"type":"identify","anonymousId":"usage-relay","traits":{}}'


@dataclass(frozen=True, slots=True)
class Forward:
    """An event as it is. Kana drops it if it is anonymous, as the probe is on purpose."""

    repeatable: bool
    anonymous: bool = False
    probe: bool = False


class _Content(msgspec.Struct, frozen=True):
    message: str = ""


_content = msgspec.json.Decoder(_Content)


def item(event: Event) -> Transformed:
    """The event, byte for byte. Usage that is sent twice would be counted twice."""
    if event.type not in TYPES:
        return Skip("Kana takes track and identify")
    anonymous = not event.user_id
    step = Forward(repeatable=anonymous or event.type == "identify", anonymous=anonymous)
    return Item(event.raw, repeatable=step.repeatable, step=step)


def request(event: bytes, step: Forward, endpoint: str = "") -> Request:
    return Request(PATH, event, headers=HEADERS, step=step, endpoint=endpoint)


def probe(endpoint: str = "") -> Request:
    return request(PROBE, Forward(repeatable=True, anonymous=True, probe=True), endpoint)


def read(reply: Reply, step: Forward) -> Outcome:
    match reply:
        case NotSent(error):
            return Unavailable(error)
        case Lost(error):
            return _unknown(step, error)
        case Answer():
            return _meaning(step, reply)
        case _ as never:
            assert_never(never)


def _meaning(step: Forward, answer: Answer) -> Outcome:
    why = f"Kana's endpoint for Segment answered {answer.status}{_told(answer.body)}"
    match answer.status // 100, answer.status:
        case 2, _:
            return Delivered()
        case _, 400 if step.probe:
            return Delivered()
        case _, 400 if step.anonymous:
            return Skipped(why)
        case _, 401 | 403:
            return Unavailable(f"{why}: look at segment_key", cause="credentials")
        case _, 429:
            return Unavailable(why, answer.retry_after, "throttled")
        case (3, _) | (_, 404 | 405 | 410):
            return Unavailable(f"{why}, so it is not there: look at base_url")
        case 4, status if status != 408:  # noqa: PLR2004 - the status says what it is
            return Rejected(why)
        case _, status:
            return _unknown(step, why, status, answer.retry_after)


def _unknown(
    step: Forward, why: str, status: int | None = None, after: timedelta | None = None
) -> Outcome:
    """What follows when nobody can tell whether Kana took it."""
    if not step.repeatable:
        return Unconfirmed(why)
    if status in (502, 503, 504):
        return Unavailable(why, after)
    return Retryable(why, after)


def _told(body: bytes) -> str:
    """The message of an answer, where it has one as Segment asks for it."""
    try:
        message = _content.decode(body).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f", {message[:MESSAGE_MAX]}" if message else ""
