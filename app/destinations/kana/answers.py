"""What Kana's answers mean: GraphQL, whose errors come with HTTP 200 as well."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

import msgspec

from app.destination import Answer, Lost, Next, NotSent, Reply, Request
from app.destinations.kana import forwarding, users
from app.destinations.kana.calls import (
    MESSAGE_MAX,
    Adopt,
    Create,
    Find,
    FindImport,
    Identity,
    Probe,
    Record,
    Sharers,
    Step,
    Update,
    request,
)
from app.outcome import Again, Delivered, Outcome, Rejected, Retryable, Unavailable, Unconfirmed

_CREDENTIAL_CODES = frozenset({"UNAUTHENTICATED", "FORBIDDEN"})
_REFUSAL_CODES = frozenset({"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_BROKEN = "INTERNAL_SERVER_ERROR"
_NOT_FOUND = re.compile("not found", re.IGNORECASE)
_NO_USER = re.compile(r"user\b.{0,100}\bnot found", re.IGNORECASE)


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

    @property
    def is_of_a_user(self) -> bool:
        if self.exception.endswith("NotFoundError"):
            return self.exception == "UserNotFoundError"
        return _NO_USER.match(self.message) is not None


@dataclass(frozen=True, slots=True)
class _Missing:
    """Kana has no such user or feature."""

    why: str
    user: bool = True


def read(reply: Reply, asked: Request) -> Outcome | Next:
    """What a reply means, and which call comes next."""
    step = asked.step
    if isinstance(step, forwarding.Forward):
        return forwarding.read(reply, step)
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
    if isinstance(step, Record) and _leaves_open(answer, fault, told):
        return _recorded_perhaps(answer, fault, told)
    if fault is None and told is not None:
        return _taken(step, told)
    failure = _failure(step, answer, content, fault)
    if isinstance(failure, _Missing | Rejected):
        return _instead(step, failure)
    return failure


def _instead(step: Step, failure: _Missing | Rejected) -> Outcome | Next:
    """What follows a refusal."""
    match step, failure:
        case Find(identity, None), _Missing():
            return users.of_nobody(identity)
        case Find(_, str(refused)), _Missing():
            return Rejected(refused)
        case FindImport(identity), _:
            return Next(request(Create(identity)))
        case Sharers(identity) | Adopt(identity), _:
            return Next(request(Create(identity, shared=True)))
        case Create(identity, _, for_usage), _:
            return Next(request(Find(identity, failure.why, for_usage)))
        case Record(user_id=user_id, create_user=True), _Missing(user=True):
            return Next(request(Create(Identity(user_id), for_usage=True)))
        case _:
            return Rejected(failure.why)


def _taken(step: Step, told: object) -> Outcome | Next:
    match step:
        case Probe():
            return Delivered()
        case Record():
            return _recorded(_object(told))
        case Create(for_usage=True) | Find(for_usage=True):
            return Again("Kana did not know the user, who was created")
        case Find(identity):
            return users.found(identity, _object(told))
        case FindImport(identity):
            return users.with_email_as_id(identity, _object(told))
        case Sharers(identity):
            return users.with_same_email(identity, told if isinstance(told, list) else [])
        case Create(identity, shared):
            return users.kept(identity, _object(told), shared=shared)
        case Update(identity) | Adopt(identity):
            return users.kept(identity, _object(told))
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


def _leaves_open(answer: Answer, fault: _Fault | None, told: object) -> bool:
    """Whether Kana may have recorded the usage, whatever else the answer says."""
    if answer.status == 408 or answer.status >= 500:  # noqa: PLR2004 - the status says what it is
        return True
    return fault is not None and (told is not None or fault.code == _BROKEN)


def _recorded_perhaps(answer: Answer, fault: _Fault | None, told: object) -> Outcome:
    """The data tells what was done, if anything does."""
    if _object(told).get("recorded") is True:
        return Delivered()
    if told is None:
        return Unconfirmed(_why(answer, fault))
    message = fault.message[:MESSAGE_MAX] if fault else ""
    beside = (
        f"an error, {message or 'without a message'}" if fault else f"the status {answer.status}"
    )
    return Unconfirmed(f"Kana answered with data and {beside}")


def _failure(
    step: Step, answer: Answer, content: Mapping[str, object], fault: _Fault | None
) -> Outcome | _Missing:
    why = _why(answer, fault)
    if answer.status in (401, 403) or (fault and fault.is_of_credentials):
        return Unavailable(f"{why}: look at api_key", cause="credentials")
    if answer.status == 429:  # noqa: PLR2004 - the status says what it is
        return Unavailable(why, answer.retry_after, "throttled")
    if fault is None:
        return _without_a_fault(step, answer, content, why)
    if fault.tells_that_it_is_missing:
        return _Missing(why, fault.is_of_a_user)
    unknown = fault.code == _BROKEN or answer.status not in (400, 422)
    if fault.code not in _REFUSAL_CODES and unknown:
        return _unknown(step, why, answer.status, answer.retry_after)
    return Rejected(why)


def _without_a_fault(
    step: Step, answer: Answer, content: Mapping[str, object], why: str
) -> Outcome | _Missing:
    """What an answer means that has neither the operation's data nor an error."""
    if isinstance(step, Find | FindImport) and "user" in _object(content.get("data")):
        return _Missing(f"{why} and no user")
    match answer.status // 100, answer.status:
        case (3, _) | (_, 404 | 405 | 410):
            return Unavailable(f"{why}, which is not GraphQL: look at base_url")
        case 4, status if status != 408:  # noqa: PLR2004 - the status says what it is
            return Rejected(why)
        case 2, _ if isinstance(step, Sharers):
            return Rejected(why)  # there may be more users than the client reads of an answer
        case 2, _:
            why += f" with {_lacking(answer.body)}"
            return _unknown(step, why, after=answer.retry_after)
        case _, status:
            return _unknown(step, why, status, answer.retry_after)


def _why(answer: Answer, fault: _Fault | None) -> str:
    said = f", {fault.message[:MESSAGE_MAX]}" if fault and fault.message else ""
    return f"Kana answered {answer.status}{said}"


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
    for_usage = isinstance(step, Create | Find) and step.for_usage
    return Retryable(why, after, undone=for_usage)


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
