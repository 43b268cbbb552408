"""Destinations, their ledger, what a dry run shows, sources, and what was refused of them."""

from collections.abc import Sequence

from msgspec import Raw

from app.actions import Action
from app.counters import Tally
from app.findings import Finding
from app.flags import Flagged
from app.items.shape import Item, payload
from app.ledger import Day
from app.settings.told import Told
from app.shown import Shown
from app.standing import Standing, backlog_high, state
from app.timestamps import instant


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
        "parts": census.parts,
        "delivered": census.delivered,
        "flags": census.flags,
        "skipped": census.skipped,
        "filtered": census.filtered,
        "before_cutover": census.before_cutover,
        "dry_run": census.dry_run,
        "discarded": census.discarded,
        "expired": census.expired,
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


def shown(one: Shown) -> Item:
    """`request` is None for what would not have been sent; `why` says the reason."""
    request = {"method": one.method, "path": one.path, "body": payload(one.body)}
    return {
        "message_id": one.id,
        "user": one.user,
        "at": instant(one.at),
        "would_be": one.would_be,
        "why": one.why,
        "request": request if one.would_be == "sent" else None,
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


def rejections(source: str, code: str, count: int, samples: Sequence[bytes]) -> Item:
    """What of a source was refused under a code; the samples are the newest, at most ten."""
    return {
        "source": source,
        "code": code,
        "count": count,
        "samples": [Raw(sample) for sample in samples],
    }


def action(destination: str, one: Action) -> Item:
    """What an operator did."""
    return {
        "destination": destination,
        "at": instant(one.at),
        "who": one.who,
        "what": one.what,
        "count": one.count,
        "about": one.about,
    }


def flag(destination: str, one: Flagged) -> Item:
    """What somebody has to do by hand; `accepted_at` is the event's that asked for it last."""
    return {
        "id": one.id,
        "destination": destination,
        "user": one.user,
        "about": one.about,
        "wanted": one.wanted,
        "found": one.found,
        "why": one.why,
        "advice": one.advice,
        "message_id": one.message_id,
        "accepted_at": instant(one.accepted_at),
    }


def finding(one: Finding) -> Item:
    """How a part was found, and what to do about it."""
    return {"part": one.part, "state": one.state, "found": one.found, "advice": one.advice}


def setting(one: Told) -> Item:
    """`value` is masked where it is a secret."""
    return {
        "name": one.name,
        "value": one.value,
        "unit": one.unit,
        "secret": one.secret,
        "origin": one.origin,
        "place": one.place,
    }
