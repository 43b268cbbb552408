"""What the API and `--json` answer: destinations, days, sources, retries and traces as JSON.

Moments are ISO 8601 in UTC.
"""

from app.counters import Tally
from app.ledger import Day
from app.retries import Retry
from app.standing import Standing, backlog_high, state
from app.timestamps import instant
from app.trace import Happening, Trace

Item = dict[str, object]


def destination(standing: Standing, now: int) -> Item:
    census = standing.census
    word, reason = state(standing)
    oldest = None if census.oldest_ms is None else max(0, now - census.oldest_ms) / 1000
    return {
        "id": standing.account.id,
        "kind": standing.account.kind,
        "state": word,
        "reason": reason,
        "waiting": census.waiting,
        "oldest_seconds": oldest,
        "retrying": census.retrying,
        "dead": census.dead,
        "unconfirmed": census.unconfirmed,
        "unmapped": census.unmapped,
        "accepted": census.accepted,
        "delivered": census.delivered,
        "unapplied": census.unapplied,
        "skipped": census.skipped,
        "discarded": census.discarded,
        "unaccounted": census.unaccounted,
        "backlog": backlog_high(standing, now),
        "rate": standing.rate,
        "latency_ms": {"p50": standing.latency.p50, "p95": standing.latency.p95},
    }


def day(day: Day) -> Item:
    return {
        "day": day.day.isoformat(),
        "accepted": day.accepted,
        "waiting": day.waiting,
        "retrying": day.retrying,
        "dead": day.dead,
        "unmapped": day.unmapped,
        "delivered": day.delivered,
        "skipped": day.skipped,
        "discarded": day.discarded,
    }


def source(source: str, tally: Tally) -> Item:
    return {
        "id": source,
        "accepted": tally.accepted,
        "repeats": tally.deduplicated,
        "unrouted": tally.unrouted,
        "refused": sum(tally.refused.values()),
        "refused_by_code": dict(tally.refused),
    }


def retry(retry: Retry) -> Item:
    """`message_id` names the part as well, where it is one; `behind` counts."""
    attempts = retry.delivery.attempts
    last = attempts[-1] if attempts else None
    return {
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
