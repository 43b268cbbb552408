"""Mapping rules, and what they do not map."""

from msgspec import Raw

from app.items.shape import Item, payload
from app.rules import Kept
from app.timestamps import instant
from app.unmapped import Groups, Parked, Run, Trial


def rule(destination: str, one: Kept) -> Item:
    """`created_at` is null for a rule of the configuration."""
    return {
        "id": one.rule.id,
        "destination": destination,
        "name": one.rule.name,
        "feature": one.rule.feature,
        "event": one.rule.event,
        "properties": dict(one.rule.properties),
        "created_at": None if one.created_at is None else instant(one.created_at),
        "matches": one.matches,
    }


def unmapped(destination: str, one: Parked) -> Item:
    return {
        "id": one.letter,
        "destination": destination,
        "message_id": one.delivery.id,
        "event": one.event.text("event"),
        "user": one.delivery.user,
        "parked_at": instant(one.parked_at),
        "payload": payload(one.delivery.event),
    }


def unmapped_groups(destination: str, groups: Groups) -> Item:
    """Of the newest `looked` of `total`; what is hidden or uncounted is left out below."""
    return {
        "destination": destination,
        "total": groups.total,
        "looked": groups.looked,
        "events": [
            {"event": one.name, "count": one.count, "samples": list(one.samples)}
            for one in groups.events
        ],
        "properties": [
            {
                "path": one.path,
                "value": Raw(one.value.encode()),
                "count": one.count,
                "samples": list(one.samples),
            }
            for one in groups.properties
        ],
        "hidden_events": groups.hidden_events,
        "hidden_properties": groups.hidden_properties,
        "uncounted": groups.uncounted,
    }


def trial(destination: str, one: Trial) -> Item:
    """What a rule would match of the newest `looked` of `total` unmapped events."""
    return {
        "destination": destination,
        "total": one.total,
        "looked": one.looked,
        "matched": one.matched,
        "samples": [unmapped(destination, parked) for parked in one.samples],
    }


def remapping(destination: str, run: Run | None) -> Item | None:
    """How far new rules have come over what is unmapped; null before the first."""
    if run is None:
        return None
    return {
        "destination": destination,
        "state": run.state,
        "total": run.total,
        "looked": run.looked,
        "taken": run.taken,
        "under_way": run.under_way,
        "began_at": instant(run.began_at),
        "ended_at": None if run.ended_at is None else instant(run.ended_at),
        "standing": run.standing,
    }
