"""What an outcome means for each delivery of a request: settlements, or a hold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import assert_never

import msgspec

from app import dead_letters, delivery, flags
from app.delivery import Attempt, Delivery
from app.destination import Answer, Lost, Reply, Request, Several
from app.hand import Prepared
from app.moves import Head, Settlement, Split, Verb
from app.outcome import (
    Bury,
    Done,
    Hold,
    Outcome,
    Retryable,
    RetryAt,
    RetryPolicy,
    Unavailable,
    Unconfirmed,
    decide,
    reason,
)

SHOWN_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, the reply to it and when it began and ended (ms since the epoch)."""

    request: Request
    reply: Reply
    began_at: int
    ended_at: int


def settlements(
    sent: Sequence[Prepared],
    outcome: Outcome,
    exchange: Exchange,
    policy: RetryPolicy,
    random: Random,
    *,
    ordered: bool,
) -> list[Settlement] | Hold:
    """The settlement of every delivery in a request; a Hold leaves all of them where they are.

    With `ordered`, what is to be tried again blocks its user's later deliveries.
    """
    settled: list[Settlement] = []
    for prepared in sent:
        head = prepared.head
        verdict = decide(
            outcome if prepared.item.repeatable else _never_repeated(outcome, exchange.reply),
            attempt=len(head.delivery.counted) + 1,
            first_at=_first_at(head.delivery, exchange),
            now=exchange.ended_at,
            policy=policy,
            random=random,
        )
        match verdict:
            case Done(result):
                flagged, matched = flags.packed(head.delivery, outcome), mapped(prepared).matched
                settled.append(Settlement(head, result, payload=flagged, rules=matched))
            case RetryAt(due):
                tried = _tried(mapped(prepared), _attempt(exchange, outcome))
                verb: Verb = "block" if ordered else "retry"
                wait_ms = due - exchange.ended_at
                settled.append(Settlement(head, verb, wait_ms, _kept(tried)))
            case Bury(reason, message):
                alone = len(sent) == 1
                part = exchange.request.body if alone else prepared.item.body
                last = _in_full(_attempt(exchange, outcome), exchange, part)
                tried = _tried(mapped(prepared), last)
                settled.append(_buried(head, tried, reason, message, exchange.ended_at))
            case Hold():
                return verdict
            case _ as never:
                assert_never(never)
    return settled


def _never_repeated(outcome: Outcome, reply: Reply) -> Outcome:
    """The outcome of a call that must not go out twice, whatever its destination made of it."""
    lost = isinstance(outcome, Unavailable) and isinstance(reply, Lost)
    if lost or (isinstance(outcome, Retryable) and not outcome.undone):
        return Unconfirmed(reason(outcome))
    return outcome


def buried_unsent(head: Head, reason: str, message: str, now: int) -> Settlement:
    """The settlement of a delivery that could not become a request."""
    return _buried(head, head.delivery, reason, message, now)


def untransformable(head: Head, bug: Exception, now: int) -> Settlement:
    """The settlement of a delivery that trips its destination up."""
    return buried_unsent(head, "untransformable", told(bug), now)


def told(bug: Exception) -> str:
    return f"{type(bug).__name__}: {bug}"


def _first_at(tried: Delivery, exchange: Exchange) -> int:
    return tried.counted[0].at if tried.counted else exchange.began_at


def put_behind(head: Head) -> Settlement:
    """The settlement of a delivery whose user has an earlier one to be tried again."""
    return Settlement(head, "behind", payload=_kept(head.delivery))


def parked(head: Head, version: int = 0) -> Settlement:
    """The settlement of a delivery that the rules of this version do not map."""
    return Settlement(head, "park", payload=_kept(head.delivery), version=version)


def mapped(prepared: Prepared) -> Delivery:
    """The delivery with the event as rules have mapped it; the one that came stays beside it."""
    one, event = prepared.head.delivery, prepared.item.event
    if event is None:
        return one
    return msgspec.structs.replace(_with_event(one, event), matched=prepared.item.rules)


def parted(head: Head, several: Several) -> Split:
    """What stands in the place of a delivery whose event stands for several."""
    parts = (_part(head.delivery, n, event) for n, event in enumerate(several.events, 1))
    return Split(head, tuple(parts), several.rules)


def _part(whole: Delivery, number: int, event: bytes) -> Delivery:
    """Where the whole was received before, it was as one: the first part stands for that."""
    received = whole.received and number == 1
    part = msgspec.structs.replace(whole, id=f"{whole.id}#{number}", received=received)
    return _with_event(part, event)


def _with_event(one: Delivery, event: bytes) -> Delivery:
    original = one.event if one.original is None else one.original
    return msgspec.structs.replace(one, event=event, original=original, mapped=True)


def _buried(head: Head, tried: Delivery, reason: str, message: str, now: int) -> Settlement:
    letter = dead_letters.letter(tried, reason, message, now)
    # What an operator sends again may fail as often and as long as what is new.
    rested = msgspec.structs.replace(tried, spent=len(tried.attempts), matched=())
    packed, payload = dead_letters.encode(letter), _kept(rested)
    why = f"{reason}: {message}"
    return Settlement(
        head, "bury", payload=payload, letter=packed, why=why, rules=tried.matched, reason=reason
    )


def _kept(one: Delivery) -> bytes:
    """A delivery that goes on after a settlement, which counts it as received."""
    return delivery.encode(msgspec.structs.replace(one, received=True))


def _tried(earlier: Delivery, attempt: Attempt) -> Delivery:
    """The delivery after another attempt; only the last one tells what was sent and came back."""
    brief = (msgspec.structs.replace(one, request="", response="") for one in earlier.attempts)
    return msgspec.structs.replace(earlier, attempts=(*brief, attempt))


def _attempt(exchange: Exchange, outcome: Outcome) -> Attempt:
    return Attempt(
        at=exchange.began_at,
        status=exchange.reply.status if isinstance(exchange.reply, Answer) else None,
        error=reason(outcome),
        took=exchange.ended_at - exchange.began_at,
    )


def _in_full(attempt: Attempt, exchange: Exchange, part: bytes) -> Attempt:
    """The attempt with the part of its request that stood for the delivery, and the answer."""
    request, reply = exchange.request, exchange.reply
    sent = f"{request.method} {request.path}\n\n{part.decode()}"
    came = reply.body if isinstance(reply, Answer) else b""
    shown = came[:SHOWN_BYTES_MAX].decode(errors="replace")
    return msgspec.structs.replace(attempt, request=sent, response=shown)
