"""What the API and `--json` answer: destinations, sources, retries, traces, dead letters as JSON.

Moments are ISO 8601 in UTC. Events stand there as their own bytes, so that no number is rounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import msgspec
from msgspec import Raw

from app.actions import Action
from app.counters import Tally
from app.dead_letters import Group, Letter, Opened
from app.delivery import Attempt
from app.fates import named
from app.findings import Finding
from app.flags import Flagged
from app.history import MINUTE_MS, Sample, SourceSample, rates, source_rates
from app.ledger import Day
from app.operating import Discard, DiscardSurvey
from app.pipeline import WORDS, Fates, Named, Numbers, Pipeline
from app.replays import Replay, Survey
from app.retries import Retry
from app.rules import Kept
from app.settings.told import Told
from app.shown import Shown
from app.standing import Standing, backlog_high, state
from app.timestamps import instant
from app.trace import Happening, Trace
from app.unmapped import Groups, Parked, Run, Trial

Item = dict[str, object]

LEVELS = tuple(name for name in Sample.__struct_fields__ if name not in ("at", "oldest_at"))
SOURCE_COUNTS = {
    "accepted": "accepted",
    "repeats": "deduplicated",
    "unrouted": "unrouted",
    "refused": "refused",
}


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


def trace(trace: Trace) -> Item:
    """`place` is several with `or` between them when the search ended early; `note` says why."""
    return {
        "destination": trace.destination,
        "message_id": trace.id,
        "place": " or ".join(trace.places),
        "history": [_happening(one) for one in trace.history],
        "note": trace.note,
    }


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


def survey(found: Survey) -> Item:
    """What a dry run answers."""
    return {
        "count": found.count,
        "unconfirmed": found.unconfirmed,
        "closed_period": found.closed_period,
        "left_out": found.left_out,
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


def attempt(tried: Attempt) -> Item:
    return {
        "at": instant(tried.at),
        "status": tried.status,
        "error": tried.error,
        "seconds": tried.took / 1000,
        "request": tried.request,
        "response": tried.response,
    }


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


def pipeline(destination: str, one: Pipeline) -> Item:
    """What became of deliveries by hour and by event; see `Fates` and `Numbers` for the words.

    The numbers count what a pump looked at first and later together, `later` the latter alone.
    What waits for a retry now is known over all events only: it stands in the destination.
    """
    return {
        "destination": destination,
        "since": instant(one.since),
        "until": instant(one.until),
        **_numbers(one.numbers),
        "events": [_named(named_) for named_ in one.events],
        "hidden_events": one.hidden,
        "hours": [{"at": instant(hour.at), **_numbers(hour.numbers)} for hour in one.hours],
    }


def history(destination: str, minutes: Sequence[Sample | None], until: int) -> Item:
    """How it stood in each of the minutes before `until` (ms), as `by_minute` orders them.

    A minute without a sample has null for all but `at`; `per_second` is null after one too.
    """
    at = _minutes(until, len(minutes))
    pairs = zip(at, minutes, (None, *minutes), strict=False)
    return {"destination": destination, "samples": [_sample(*pair) for pair in pairs]}


def source_history(source: str, minutes: Sequence[SourceSample | None], until: int) -> Item:
    """The same of a source: `accepted`, `repeats`, `unrouted` and `refused`."""
    at = _minutes(until, len(minutes))
    pairs = zip(at, minutes, (None, *minutes), strict=False)
    return {"source": source, "samples": [_source_sample(*pair) for pair in pairs]}


def payload(event: bytes) -> Raw | str:
    """The JSON of an event in one line, its values untouched; as text what is no JSON."""
    try:
        event.decode()
        return Raw(msgspec.json.format(event, indent=-1))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.decode(errors="replace")


def _minutes(until: int, count: int) -> list[str]:
    last = until // MINUTE_MS
    return [instant(minute * MINUTE_MS) for minute in range(last - count + 1, last + 1)]


def _sample(minute: str, one: Sample | None, before: Sample | None) -> Item:
    if one is None:
        return {"at": minute, **dict.fromkeys((*LEVELS, "oldest_seconds", "per_second"))}
    found = rates(before, one) if before else None
    return {
        "at": minute,
        **{name: getattr(one, name) for name in LEVELS},
        "oldest_seconds": None if one.oldest_ms is None else one.oldest_ms / 1000,
        "per_second": asdict(found) if found else None,
    }


def _source_sample(minute: str, one: SourceSample | None, before: SourceSample | None) -> Item:
    if one is None:
        return {"at": minute, **dict.fromkeys((*SOURCE_COUNTS, "per_second"))}
    found = source_rates(before, one) if before else None
    return {
        "at": minute,
        **{word: getattr(one, name) for word, name in SOURCE_COUNTS.items()},
        "per_second": _source_words(asdict(found)) if found else None,
    }


def _source_words(rates: Mapping[str, float]) -> Item:
    return {word: rates[name] for word, name in SOURCE_COUNTS.items()}


def _named(one: Named) -> Item:
    """`event` is what the pipeline is asked by; `type` is empty where names are counted as one."""
    type_, name = named(one.event)
    return {"event": one.event, "type": type_, "name": name, **_numbers(one.numbers)}


def _numbers(one: Numbers) -> Item:
    first, later = _fates(one.first), _fates(one.later)
    return {
        "received": one.received,
        **{word: first[word] + later[word] for word in first},
        "dead_by_reason": _together(one.first.dead, one.later.dead),
        "later": {**later, "dead_by_reason": dict(one.later.dead)},
    }


def _fates(one: Fates) -> dict[str, int]:
    words: dict[str, int] = {word: getattr(one, word) for word in WORDS}
    return {**words, "dead": sum(one.dead.values())}


def _together(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


def _happening(happening: Happening) -> Item:
    told = {
        "status": happening.status,
        "error": happening.error or None,
        "seconds": happening.seconds,
        "attempts": happening.attempts,
    }
    known = {name: value for name, value in told.items() if value is not None}
    return {"at": instant(happening.at), "what": happening.what, **known}
