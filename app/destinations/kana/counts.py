"""What Kana counted itself of one user and one feature, which decides about unconfirmed usage."""

from typing import assert_never

import msgspec
from msgspec import Raw

from app.destination import (
    Answer,
    Counted,
    CountFailed,
    Item,
    Lost,
    NotSent,
    Period,
    Reply,
    Request,
    Usage,
)
from app.destinations.kana.account import KanaAccount
from app.destinations.kana.calls import ADMIN, HEADERS, MESSAGE_MAX, PATH, Record
from app.destinations.kana.events import item
from app.segment import Event
from app.timestamps import moment

_PERIOD = "{ periodStart periodEnd consumption { used } }"
_QUERY = (
    "query showUsage($userId: String!, $featureId: String!) "
    "{ showUsage(userId: $userId, featureId: $featureId) "
    f"{{ current {_PERIOD} past {_PERIOD} }} }}"
)


class _Consumption(msgspec.Struct, frozen=True):
    used: int


class _Period(msgspec.Struct, frozen=True, rename="camel"):
    period_start: Raw
    period_end: Raw
    consumption: _Consumption


class _Shown(msgspec.Struct, frozen=True):
    current: _Period | None = None
    past: list[_Period] | None = None


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    show_usage: _Shown | None = None


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class _Content(msgspec.Struct, frozen=True):
    data: _Data | None = None
    errors: list[_Error] | None = None


_content = msgspec.json.Decoder(_Content)


def ask(user: str, feature: str, account: KanaAccount) -> Request | CountFailed:
    """The question, for which there is only the Admin API, whatever the mode."""
    if account.api_key is None:
        return CountFailed(f"only the Admin API tells it: set destinations.{account.id}.api_key")
    content = {"query": _QUERY, "variables": {"userId": user, "featureId": feature}}
    return Request(PATH, msgspec.json.encode(content), headers=HEADERS, endpoint=ADMIN)


def told(reply: Reply) -> Counted | CountFailed:
    match reply:
        case NotSent(error) | Lost(error):
            return CountFailed(error, away=True)
        case Answer():
            return _count(reply)
        case _ as never:
            assert_never(never)


def used(event: Event, account: KanaAccount) -> Usage | None:
    match item(event, account):
        case Item(step=Record(user_id, feature_id, delta)):
            return Usage(user_id, feature_id, delta)
        case _:
            return None


def _count(answer: Answer) -> Counted | CountFailed:
    why = f"Kana answered {answer.status}"
    try:
        content = _content.decode(answer.body)
        errors = content.errors or []
        shown = content.data.show_usage if content.data else None
        if errors or shown is None:
            message = next((error.message for error in errors if error.message), "no usage")
            return CountFailed(f"{why}, {message[:MESSAGE_MAX]}{_advice(answer, message)}")
        current = [shown.current] if shown.current else []
        periods = [_period(one) for one in (*(shown.past or ()), *current)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        return CountFailed(f"{why}, which shows no usage{_advice(answer)} ({error})")
    return Counted(tuple(sorted(periods, key=lambda period: period.start)))


def _period(told: _Period) -> Period:
    start, end = moment(told.period_start), moment(told.period_end)
    if start is None or end is None:
        raise ValueError("expected periodStart and periodEnd as moments in ISO 8601")
    return Period(start, end, told.consumption.used)


def _advice(answer: Answer, message: str = "") -> str:
    if answer.status in (401, 403) or message.startswith("Unauthenticated"):
        return ": look at api_key"
    return ": look at base_url" if answer.status in (404, 405, 410) else ""
