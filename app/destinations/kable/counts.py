"""What Kable counted itself, by day: its usage endpoint, for one dimension."""

from typing import assert_never

import msgspec
from msgspec import Raw

from app.destination import (
    Answer,
    Counted,
    CountFailed,
    Lost,
    NotSent,
    Period,
    Reply,
    Request,
    Span,
)
from app.timestamps import moment, written

MESSAGE_MAX = 300


class _Interval(msgspec.Struct, frozen=True, rename="camel"):
    interval_start: Raw
    interval_end: Raw
    total: float


class _Usage(msgspec.Struct, frozen=True):
    intervals: list[_Interval]


class _Refusal(msgspec.Struct, frozen=True):
    message: str = ""


_usage = msgspec.json.Decoder(_Usage)
_refusal = msgspec.json.Decoder(_Refusal)


def request(span: Span, dimension: str) -> Request:
    """Ask how many events carry the dimension, each day of the span."""
    asked = {
        "aggregation": "COUNT",
        "interval": "DAY",
        "startDate": written(span.since),
        "endDate": written(span.until),
        "dimensionKey": dimension,
    }
    if span.customer is not None:
        asked["clientId"] = span.customer
    return Request(
        "/api/v1/usage/get",
        msgspec.json.encode(asked),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


def told(reply: Reply) -> Counted | CountFailed:
    match reply:
        case NotSent(error) | Lost(error):
            return CountFailed(error, away=True)
        case Answer():
            return _count(reply)
        case _ as never:
            assert_never(never)


def _count(answer: Answer) -> Counted | CountFailed:
    why = f"Kable answered {answer.status}"
    match answer.status // 100, answer.status:
        case 2, _:
            pass
        case _, 401 | 403:
            return CountFailed(f"{why}: look at api_key and kable_client_id")
        case _, 400 | 404 | 422:
            return CountFailed(f"{why}{_message(answer)}: look at reconcile_dimension")
        case _:
            return CountFailed(f"{why}{_message(answer)}")
    try:
        intervals = _usage.decode(answer.body).intervals
        periods = [_period(interval) for interval in intervals]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return CountFailed(f"{why}, which shows no usage by day ({error})")
    return Counted(tuple(sorted(periods, key=lambda period: period.start)))


def _period(interval: _Interval) -> Period:
    start, end = moment(interval.interval_start), moment(interval.interval_end)
    if start is None or end is None:
        raise ValueError("expected intervalStart and intervalEnd as moments in RFC 3339")
    if not interval.total.is_integer():
        raise ValueError("expected whole totals, as a count of events has")
    return Period(start, end, int(interval.total))


def _message(answer: Answer) -> str:
    try:
        message = _refusal.decode(answer.body).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f", {message[:MESSAGE_MAX]}" if message else ""
