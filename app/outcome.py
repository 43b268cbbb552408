"""What an attempt came to (an outcome), and what follows from it (a verdict)."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Literal, Protocol, assert_never

from app.backoff import jittered

Cause = Literal["down", "throttled", "credentials", "refusals"]


@dataclass(frozen=True, slots=True)
class Flag:
    """What somebody has to do at the destination by hand, for its API cannot.

    There is one per user and `about`. `wanted` is the value that was asked for and `found` the one
    that the destination has. What the destination shows its operators by itself is `shown_there`.
    """

    about: str
    why: str
    advice: str
    wanted: str | None = None
    found: str | None = None
    shown_there: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has it, save for what the `flags` say.

    `lifted` names what is as it was wanted now, so that no older flag of the user is needed.
    """

    flags: tuple[Flag, ...] = ()
    lifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The destination has no use for it; not an error."""

    why: str


@dataclass(frozen=True, slots=True)
class Retryable:
    """It failed, and the same request may succeed later; `after` is the destination's own wish.

    `undone` tells that nothing was recorded, so that even what must not be repeated goes again.
    """

    why: str
    after: timedelta | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was recorded, for something lacked that is there now: it goes again at once.

    If that does not help it goes again as what is retryable does.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The destination takes nothing now. It is not the event's fault, so no attempt is spent.

    It is `down`, or `throttled` (it asks for fewer), or refuses the `credentials`; `after` is its
    own wish, and `why` names the setting to look at.
    """

    why: str
    after: timedelta | None = None
    cause: Cause = "down"


@dataclass(frozen=True, slots=True)
class Rejected:
    """The destination refuses it as it is; repeating it is pointless."""

    why: str


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """It may have been recorded, and repeating it could bill twice; an operator decides."""

    why: str


Outcome = Delivered | Skipped | Retryable | Again | Unavailable | Rejected | Unconfirmed


def reason(outcome: object) -> str:
    """Why it is no success; empty for one."""
    return str(getattr(outcome, "why", ""))


@dataclass(frozen=True, slots=True)
class Done:
    """It is finished."""

    result: Literal["delivered", "skipped"]


@dataclass(frozen=True, slots=True)
class RetryAt:
    """It waits in its partition until `due` (ms since the epoch)."""

    due: int


@dataclass(frozen=True, slots=True)
class Hold:
    """It stays where it is and the whole destination waits.

    While it is `down` or `throttled` for a time, with refused `credentials` or too many `refusals`
    until an operator resumes it.
    """

    why: str
    after: timedelta | None = None
    cause: Cause = "down"


@dataclass(frozen=True, slots=True)
class Bury:
    """It becomes a dead letter."""

    reason: str
    message: str


Verdict = Done | RetryAt | Hold | Bury


class RetryPolicy(Protocol):
    """When to try again, and when to give up: by attempts or by age, whichever comes first."""

    @property
    def attempts_max(self) -> int: ...
    @property
    def age_max(self) -> timedelta: ...
    @property
    def wait_initial(self) -> timedelta: ...
    @property
    def wait_max(self) -> timedelta: ...


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    first_at: int,
    now: int,
    policy: RetryPolicy,
    random: Random,
) -> Verdict:
    """The verdict on attempt number `attempt` (from 1); moments in ms since the epoch.

    Age counts from the first attempt, at `first_at`, so that an outage of the destination, in
    which nothing is attempted, ages nothing.
    """
    match outcome:
        case Delivered():
            return Done("delivered")
        case Skipped():
            return Done("skipped")
        case Unavailable(why, after, cause):
            return Hold(why, after, cause)
        case Rejected(why):
            return Bury("rejected", why)
        case Unconfirmed(why):
            return Bury("unconfirmed", why)
        case Again(why):
            wait = _wait(None, attempt, policy, random) if attempt > 1 else timedelta(0)
            return _in_time(now + _ms(wait), why, attempt, first_at, policy)
        case Retryable(why, after):
            due = now + _ms(_wait(after, attempt, policy, random))
            return _in_time(due, why, attempt, first_at, policy)
        case _ as never:
            assert_never(never)


def _in_time(due: int, why: str, attempt: int, first_at: int, policy: RetryPolicy) -> Verdict:
    if attempt >= policy.attempts_max or due - first_at > _ms(policy.age_max):
        return Bury("exhausted", why)
    return RetryAt(due)


def _wait(after: timedelta | None, attempt: int, policy: RetryPolicy, random: Random) -> timedelta:
    jitter = jittered(
        attempt, wait_initial=policy.wait_initial, wait_max=policy.wait_max, random=random
    )
    return jitter if after is None else min(after, policy.wait_max) + jitter


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
