"""The metrics of what flows and what keeps it: throttle, breaker, pumps, replays, billing cuts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from app.billing import Backlog, Cut, day_cut, overrun_s, period_cut
from app.destinations import KINDS
from app.metrics.fleet import Fleet, Seen
from app.metrics.measure import Measure, Samples, by, each, one_hot
from app.standing import Word, state
from app.throttle import By

DESTINATION = ("destination",)

BreakerState = Literal["closed", "open", "half_open"]
CutState = Literal["in_time", "missed", "unknown"]

RECKONINGS = ("total", "moved", "under_way", "delivered", "skipped", "dead", "unmapped")


def breaker(one: Seen) -> BreakerState:
    """What failures have led to; a 429 is the throttle's business and opens nothing."""
    found = one.standing.throttle
    if not found.failures or found.cause == "throttled":
        return "closed"
    return "half_open" if found.held_until is None or found.cause == "rate" else "open"


def cuts(one: Seen) -> Iterator[tuple[str, Cut]]:
    """The next end of a day, at which some customer's period may end, and of the account's."""
    account, now = one.standing.account, _moment(one.now)
    kind = KINDS.get(account.kind)
    grace = kind.grace if kind else timedelta(0)
    yield "day", day_cut(now, grace)
    yield "period", period_cut(now, account.billing_day, grace)


def overruns(one: Seen) -> Iterator[tuple[str, float | None]]:
    """By how many seconds the backlog misses each cut; None where nobody knows."""
    for name, cut in cuts(one):
        yield name, overrun_s(cut, _backlog(one), _moment(one.now))


def _backlog(one: Seen) -> Backlog:
    waiting, oldest = one.standing.census.waiting, one.standing.census.oldest_ms
    stopped = state(one.standing)[0] in ("paused", "unattended", "orphaned")
    return Backlog(
        waiting, None if oldest is None else _moment(oldest), 0 if stopped else one.pace
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _seconds_to_cuts(one: Seen) -> Iterator[tuple[str, float]]:
    for name, cut in cuts(one):
        yield name, (cut.closes - _moment(one.now)).total_seconds()


def _known_overruns(one: Seen) -> Iterator[tuple[str, float]]:
    return ((name, seconds) for name, seconds in overruns(one) if seconds is not None)


def _cut_state(seconds: float | None) -> CutState:
    if seconds is None:
        return "unknown"
    return "missed" if seconds > 0 else "in_time"


def _cut_states(fleet: Fleet) -> Samples:
    for one in fleet.destinations:
        for name, seconds in overruns(one):
            for word, number in one_hot(_cut_state(seconds), get_args(CutState)):
                yield (one.id, name, word), number


def _infos(fleet: Fleet) -> Samples:
    for one in fleet.destinations:
        account = one.standing.account
        dry_run = "true" if account.dry_run else "false"
        yield (one.id, account.kind, account.queue, dry_run), 1


def _held_s(one: Seen) -> float:
    until = one.standing.throttle.held_until
    return 0 if until is None else max(0, until - one.now) / 1000


def _reckoned(one: Seen) -> Iterator[tuple[str, float]]:
    if (found := one.replay) is not None:
        numbers = (
            found.total,
            found.replayed,
            found.under_way,
            found.delivered,
            found.skipped,
            found.dead,
            found.unmapped,
        )
        yield from zip(RECKONINGS, numbers, strict=True)


MEASURES = (
    Measure(
        "gauge",
        "relay_destination_info",
        "1 for each destination, with its kind, its queue and whether it makes a dry run.",
        ("destination", "kind", "queue", "dry_run"),
        _infos,
    ),
    Measure(
        "gauge",
        "relay_destination_state",
        "1 for the state that the destination is in, 0 for the others.",
        ("destination", "state"),
        by(lambda one: one_hot(state(one.standing)[0], get_args(Word))),
    ),
    Measure(
        "gauge",
        "relay_destination_paused",
        "1 while the destination is paused by an operator or by the relay.",
        ("destination", "by"),
        by(lambda one: one_hot(one.standing.throttle.paused_by, get_args(By))),
    ),
    Measure(
        "gauge",
        "relay_destination_held_seconds",
        "For how much longer a failure, a 429 or its rate holds the destination.",
        DESTINATION,
        each(_held_s),
    ),
    Measure(
        "gauge",
        "relay_breaker_state",
        "1 for the state of the circuit breaker, 0 for the others.",
        ("destination", "state"),
        by(lambda one: one_hot(breaker(one), get_args(BreakerState))),
    ),
    Measure(
        "gauge",
        "relay_rate_limit",
        "Deliveries a second at most, as it stands now.",
        DESTINATION,
        each(lambda one: one.standing.rate),
    ),
    Measure(
        "gauge",
        "relay_rate_configured",
        "The rate of the settings.",
        DESTINATION,
        each(lambda one: one.standing.account.rate),
    ),
    Measure(
        "gauge",
        "relay_pace",
        "Deliveries that were finished a second, over the newest 20 settlements until now.",
        DESTINATION,
        each(lambda one: one.pace),
    ),
    Measure(
        "gauge",
        "relay_pumps",
        "Pumps that hold partitions now.",
        DESTINATION,
        each(lambda one: one.standing.census.pumps),
    ),
    Measure(
        "gauge",
        "relay_pumps_max",
        "The pumps of the settings, at most so many at once.",
        DESTINATION,
        each(lambda one: one.standing.account.pumps if one.standing.configured else None),
    ),
    Measure(
        "gauge",
        "relay_billing_cut_seconds",
        "How long until a billing period that holds today closes.",
        ("destination", "cut"),
        by(_seconds_to_cuts),
    ),
    Measure(
        "gauge",
        "relay_billing_overrun_seconds",
        "By how long the backlog is expected to miss the cut; below 0 it comes in time.",
        ("destination", "cut"),
        by(_known_overruns),
    ),
    Measure(
        "gauge",
        "relay_billing_cut_state",
        "1 for what is expected of the backlog at the cut, 0 for the others.",
        ("destination", "cut", "state"),
        _cut_states,
    ),
    Measure(
        "gauge",
        "relay_replay_running",
        "1 while a replay runs.",
        DESTINATION,
        each(lambda one: bool(one.replay and one.replay.state == "running")),
    ),
    Measure(
        "gauge",
        "relay_replay_standing",
        "1 while a replay runs and moves nothing.",
        DESTINATION,
        each(
            lambda one: bool(one.replay and one.replay.state == "running" and one.replay.standing)
        ),
    ),
    Measure(
        "gauge",
        "relay_replay_letters",
        "The letters of the newest replay: in total, moved so far, and what these came to.",
        ("destination", "reckoning"),
        by(_reckoned),
    ),
)
