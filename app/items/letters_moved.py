"""What operators do with dead letters: surveys, replays, discards."""

from app.items.shape import Item
from app.operating import Discard, DiscardSurvey
from app.replays import Replay, Survey
from app.timestamps import instant


def survey(found: Survey) -> Item:
    """What a dry run answers."""
    return {
        "count": found.count,
        "unconfirmed": found.unconfirmed,
        "closed_period": found.closed_period,
        "left_out": found.left_out,
    }


def replay(one: Replay) -> Item:
    """`filter` is None where letters were named, `closed_period` where it was not counted."""
    return {
        "id": one.id,
        "destination": one.destination,
        "state": one.state,
        "standing": one.standing,
        "total": one.total,
        "replayed": one.replayed,
        "under_way": one.under_way,
        "delivered": one.delivered,
        "skipped": one.skipped,
        "dead": one.dead,
        "unmapped": one.unmapped,
        "unconfirmed": one.unconfirmed,
        "closed_period": one.closed_period,
        "rate": one.rate,
        "who": one.who,
        "filter": None if one.filter is None else one.filter.written(),
        "began_at": instant(one.began_at),
        "ended_at": None if one.ended_at is None else instant(one.ended_at),
    }


def discard_survey(found: DiscardSurvey) -> Item:
    """What a dry run of a discard answers."""
    return {"count": found.count, "unconfirmed": found.unconfirmed}


def discard(one: Discard) -> Item:
    return {
        "id": one.id,
        "destination": one.destination,
        "state": one.state,
        "total": one.total,
        "discarded": one.discarded,
        "who": one.who,
        "began_at": instant(one.began_at),
        "ended_at": None if one.ended_at is None else instant(one.ended_at),
    }
