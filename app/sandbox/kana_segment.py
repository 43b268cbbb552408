"""Kana's endpoint for Segment, `POST /segment/events`: raw events, one in each request.

Published is that it takes track and identify and answers anonymous events 400. Its other statuses
are those that Segment asks of partners, and what a 200 says is the sandbox's own.
"""

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus

import msgspec
from msgspec import Raw

from app.sandbox.apollo import FaultError
from app.sandbox.command import UNREADABLE
from app.sandbox.exchange import KEPT_BYTES, Answer, Request
from app.sandbox.kana_account import Account, UsageEvent
from app.sandbox.kana_events import Event, UnfitError, delta, identity, named_feature
from app.sandbox.kana_rules import features
from app.sandbox.kana_unmapped import Track, Unmapped


def answer(request: Request, account: Account, unmapped: Unmapped, at: datetime) -> Answer:
    """Do as Kana does with a raw event; `at` is the time at Kana."""
    if (refused := refusal(request, account)) is not None:
        return refused
    try:
        event = msgspec.json.decode(request.body, type=Event)
    except UNREADABLE as error:
        return told(HTTPStatus.BAD_REQUEST, f"expected one event as a JSON object: {error}")
    if not (isinstance(event.user_id, str) and event.user_id):
        message = f"userId: expected one, as Kana drops anonymous events; got {event.user_id!r}"
        return told(HTTPStatus.BAD_REQUEST, message)
    try:
        return taken(event, Raw(request.body), account, unmapped, at)
    except (UnfitError, FaultError) as error:
        return told(HTTPStatus.BAD_REQUEST, str(error))


def refusal(request: Request, account: Account) -> Answer | None:
    """The answer to what is not looked into."""
    if request.method != "POST":
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return told(status, f"expected POST, got {request.method}", allow="POST")
    if not account.settings.authorise(request.headers.get("authorization", "")):
        message = "Authorization: expected a key that begins with prv_test_ or prv_live_"
        return told(HTTPStatus.UNAUTHORIZED, message)
    if request.oversize:
        message = f"expected at most {KEPT_BYTES} bytes, got {request.size}"
        return told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        message = f"expected content type application/json, got {content_type!r}"
        return told(HTTPStatus.BAD_REQUEST, message)
    return None


def taken(event: Event, raw: Raw, account: Account, unmapped: Unmapped, at: datetime) -> Answer:
    match event.type:
        case "identify":
            change = account.identify(identity(event))
            return done({"user": type(change).__name__.lower()})
        case "track" if (feature_id := named_feature(event)) is not None:
            return done({"usage": record(event, [feature_id], delta(event), account, at)})
        case "track":
            if (usage := mapped(event, account, at)) is None:
                unmapped.keep(Track(at, raw))
                return done({"usage": [], "unmapped": True})
            return done({"usage": usage})
        case _:
            message = f"expected type track or identify, got {event.type!r}"
            return told(HTTPStatus.NOT_IMPLEMENTED, message)


def remap(account: Account, unmapped: Unmapped, at: datetime) -> None:
    """Record what the rules make of tracks that matched none before."""
    for number, track in unmapped.tracks():
        try:
            found = mapped(track.event, account, at)
        except FaultError:  # the user or the feature does not exist: later rules may find it
            continue
        if found is not None:
            unmapped.forget(number)


def mapped(event: Event, account: Account, at: datetime) -> list[object] | None:
    """Record what the rules make of a track; None where none of them matches."""
    found = features(account.settings.rules, event.event, event.values)
    if not found:
        return None
    try:
        amount = delta(event)
    except UnfitError:
        amount = 1
    return record(event, found, amount, account, at)


def record(
    event: Event, feature_ids: Iterable[str], amount: int, account: Account, at: datetime
) -> list[object]:
    """Record the usage of each feature, or with a FaultError of none; 0 changes nothing."""
    usages = [UsageEvent(event.user_id, each, amount) for each in feature_ids if amount]
    for usage in usages:
        account.expect(usage.user_id, usage.feature_id)
    return [shown(usage, account.record(usage, at)) for usage in usages]


def shown(usage: UsageEvent, reason: str | None) -> dict[str, object]:
    recorded = {"recorded": reason is None, "reason": reason}
    return {"featureId": usage.feature_id, "delta": usage.delta, **recorded}


def done(content: object) -> Answer:
    return Answer(HTTPStatus.OK, msgspec.json.encode(content))


def told(status: int, message: str, **headers: str) -> Answer:
    return Answer(status, msgspec.json.encode({"message": message}), headers)
