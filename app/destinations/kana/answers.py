"""What Kana's answers mean: GraphQL, whose errors come with HTTP 200 as well."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

import msgspec

from app.destination import Answer, Lost, Next, NotSent, Reply, Request
from app.destinations.kana.calls import (
    Create,
    Find,
    Identity,
    Probe,
    Record,
    Step,
    Update,
    request,
)
from app.outcome import Delivered, Outcome, Rejected, Retryable, Unavailable, Unconfirmed

MESSAGE_MAX = 300

_CREDENTIAL_CODES = frozenset({"UNAUTHENTICATED", "FORBIDDEN"})
_REFUSAL_CODES = frozenset({"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_NOT_FOUND = re.compile("not found", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Fault:
    """The first error of an answer; empty texts where it leaves something out."""

    message: str
    code: str
    exception: str

    @property
    def is_of_credentials(self) -> bool:
        return (
            self.message.startswith("Unauthenticated")
            or self.code in _CREDENTIAL_CODES
            or self.exception == "AuthenticationError"
        )

    @property
    def tells_that_it_is_missing(self) -> bool:
        return (
            self.exception.endswith("NotFoundError")
            or self.code == "NOT_FOUND"
            or _NOT_FOUND.search(self.message) is not None
        )


@dataclass(frozen=True, slots=True)
class _Missing:
    """Kana has no such user or feature."""

    why: str


def read(reply: Reply, asked: Request) -> Outcome | Next:
    """What a reply means, and which call an identify needs next."""
    step = asked.step
    if not isinstance(step, Step):
        raise TypeError(f"expected a step of Kana; found {type(step).__name__}")
    match reply:
        case NotSent(error):
            return Unavailable(error)
        case Lost(error):
            return _unknown(step, error)
        case Answer():
            return _meaning(step, reply)
        case _ as never:
            assert_never(never)


def _meaning(step: Step, answer: Answer) -> Outcome | Next:
    content = _content(answer.body)
    fault = _fault(content)
    told = _object(content.get("data")).get(step.operation)
    if fault is None and told is not None:
        return _taken(step, told)
    match step, _failure(step, answer, content, fault):
        case Find(identity, None), _Missing():
            return Next(request(Create(identity)))
        case Find(_, str(refused)), _Missing():
            return Rejected(refused)
        case Create(identity), _Missing(why) | Rejected(why):
            return Next(request(Find(identity, why)))
        case _, _Missing(why):
            return Rejected(why)
        case _, failure:
            return failure


def _taken(step: Step, told: object) -> Outcome | Next:
    match step:
        case Probe() | Create():
            return Delivered()
        case Record():
            return _recorded(_object(told))
        case Find(identity):
            user = _object(told)
            if identity.name is not None and identity.name != user.get("name"):
                return Next(request(Update(identity)))
            return Delivered(_unapplied(identity, user))
        case Update(identity):
            return Delivered(_unapplied(identity, _object(told)))
        case _ as never:
            assert_never(never)


def _recorded(usage: Mapping[str, object]) -> Outcome:
    match usage.get("recorded"):
        case True:
            return Delivered()
        case False:
            reason = _text(usage.get("reason"))[:MESSAGE_MAX] or "it gave no reason"
            return Rejected(f"Kana did not record it: {reason}")
        case _:
            return Unconfirmed("Kana answered without saying whether it recorded the usage")


def _unapplied(identity: Identity, user: Mapping[str, object]) -> tuple[str, ...]:
    """The names of what was said and differs at Kana, whose API cannot change it."""
    said = {"email": identity.email, "billingId": identity.billing_id}
    return tuple(
        name for name, value in said.items() if value is not None and value != user.get(name)
    )


def _failure(
    step: Step, answer: Answer, content: Mapping[str, object], fault: _Fault | None
) -> Outcome | _Missing:
    why = f"Kana answered {answer.status}"
    why += f", {fault.message[:MESSAGE_MAX]}" if fault and fault.message else ""
    if answer.status in (401, 403) or (fault and fault.is_of_credentials):
        return Unavailable(f"{why}: look at api_key", cause="credentials")
    if answer.status == 429:  # noqa: PLR2004 - the status says what it is
        return Unavailable(why, answer.retry_after, "throttled")
    if fault is None:
        return _without_a_fault(step, answer, content, why)
    if fault.tells_that_it_is_missing:
        return _Missing(why)
    unknown = fault.code == "INTERNAL_SERVER_ERROR" or answer.status not in (400, 422)
    if fault.code not in _REFUSAL_CODES and unknown:
        return _unknown(step, why, answer.status, answer.retry_after)
    return Rejected(why)


def _without_a_fault(
    step: Step, answer: Answer, content: Mapping[str, object], why: str
) -> Outcome | _Missing:
    """What an answer means that has neither the operation's data nor an error."""
    if isinstance(step, Find) and "user" in _object(content.get("data")):
        return _Missing(f"{why} and no user")
    match answer.status // 100, answer.status:
        case (3, _) | (_, 404 | 405 | 410):
            return Unavailable(f"{why}, which is not GraphQL: look at base_url")
        case 4, status if status != 408:  # noqa: PLR2004 - the status says what it is
            return Rejected(why)
        case 2, _:
            why += f" with {_lacking(answer.body)}"
            return _unknown(step, why, after=answer.retry_after)
        case _, status:
            return _unknown(step, why, status, answer.retry_after)


def _lacking(body: bytes) -> str:
    """What is wrong with the body of a success that brings nothing of its call."""
    if not body:
        return "an empty body"
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "what is no JSON"
    return "neither its data nor an error"


def _unknown(
    step: Step, why: str, status: int | None = None, after: timedelta | None = None
) -> Outcome:
    """What follows when nobody can tell whether Kana did it."""
    if isinstance(step, Record):
        return Unconfirmed(why)
    if status in (502, 503, 504):
        return Unavailable(why, after)
    return Retryable(why, after)


def _fault(content: Mapping[str, object]) -> _Fault | None:
    errors = content.get("errors")
    if not errors:
        return None
    first = _object(errors[0] if isinstance(errors, list) else errors)
    extensions = _object(first.get("extensions"))
    exception = _object(extensions.get("exception"))
    return _Fault(
        message=_text(first.get("message")),
        code=_text(extensions.get("code")),
        exception=_text(exception.get("name")),
    )


def _content(body: bytes) -> Mapping[str, object]:
    """The JSON object of a body, whatever its status; empty when it is none."""
    try:
        return _object(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
