"""Dead letters, what is tried again, and what happened to an event."""

from app.dead_letters import Group, Letter, Opened
from app.delivery import Attempt
from app.items.shape import Item, payload
from app.retries import Retry
from app.timestamps import instant
from app.trace import Happening, Trace


def letter(destination: str, id_: str, one: Letter) -> Item:
    """What a list shows of a letter; `message_id` names the part as well, where it is one."""
    return {
        "id": id_,
        "destination": destination,
        "message_id": one.id,
        "reason": one.reason,
        "message": one.message,
        "event": one.event,
        "user": one.user,
        "buried_at": instant(one.buried_at),
        "attempts": one.attempts,
        "group": one.group,
    }


def group(destination: str, one: Group) -> Item:
    return {
        "id": one.id,
        "destination": destination,
        "reason": one.reason,
        "message": one.message,
        "status": one.status,
        "count": one.count,
        "first_at": instant(one.first_at),
        "last_at": instant(one.last_at),
        "sample": one.sample,
    }


def opened(destination: str, one: Opened) -> Item:
    """A letter with its event and its attempts; `original` is the event before an edit."""
    return {
        **letter(destination, one.id, one.letter),
        "source": one.letter.source,
        "accepted_at": instant(one.letter.accepted_at),
        "attempts": [attempt(tried) for tried in one.delivery.attempts],
        "payload": payload(one.delivery.event),
        "original": None if one.delivery.original is None else payload(one.delivery.original),
    }


def exported(destination: str, one: Opened) -> Item:
    """A letter and its event."""
    return {
        **letter(destination, one.id, one.letter),
        "payload": payload(one.delivery.event),
    }


def attempt(tried: Attempt) -> Item:
    return {
        "at": instant(tried.at),
        "status": tried.status,
        "error": tried.error,
        "seconds": tried.took / 1000,
        "request": tried.request,
        "response": tried.response,
    }


def retry(destination: str, retry: Retry) -> Item:
    """`message_id` names the part as well, where it is one; `behind` counts."""
    attempts = retry.delivery.attempts
    last = attempts[-1] if attempts else None
    return {
        "destination": destination,
        "message_id": retry.delivery.id,
        "due": instant(retry.place.due),
        "user": retry.delivery.user,
        "source": retry.delivery.source,
        "accepted_at": instant(retry.delivery.accepted_at),
        "attempts": len(attempts),
        "last_status": last.status if last else None,
        "last_error": last.error if last else "",
        "behind": retry.behind,
    }


def trace(trace: Trace) -> Item:
    """`place` is several with `or` between them when the search ended early; `note` says why."""
    return {
        "destination": trace.destination,
        "message_id": trace.id,
        "place": " or ".join(trace.places),
        "history": [_happening(one) for one in trace.history],
        "note": trace.note,
    }


def _happening(happening: Happening) -> Item:
    told = {
        "status": happening.status,
        "error": happening.error or None,
        "seconds": happening.seconds,
        "attempts": happening.attempts,
    }
    known = {name: value for name, value in told.items() if value is not None}
    return {"at": instant(happening.at), "what": happening.what, **known}
