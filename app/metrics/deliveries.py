"""The metrics of the ledger: where the deliveries of a destination are, what they came to."""

from collections.abc import Iterator

from app.dead_letters.filter import REASONS
from app.metrics.fleet import Seen
from app.metrics.measure import Measure, by, each

DESTINATION = ("destination",)


def _outcomes(one: Seen) -> Iterator[tuple[str, float]]:
    """The finished deliveries, each under one outcome."""
    found = one.standing.census
    yield "delivered", found.delivered
    yield "skipped", found.skipped - found.filtered - found.before_cutover - found.dry_run
    yield "filtered", found.filtered
    yield "before_cutover", found.before_cutover
    yield "dry_run", found.dry_run
    yield "discarded", found.discarded - found.expired
    yield "expired", found.expired


def _reasons(one: Seen) -> Iterator[tuple[str, float]]:
    known = dict.fromkeys(REASONS, 0)
    yield from {**known, **one.reasons}.items()


def _age_s(since: int | None, now: int) -> float:
    return 0 if since is None else max(0, now - since) / 1000


def _unmapped_age_max_s(one: Seen) -> float | None:
    kept = getattr(one.standing.account, "unmapped_age_max", None)
    return None if kept is None else float(kept.total_seconds())


MEASURES = (
    Measure(
        "counter",
        "relay_deliveries_accepted",
        "Deliveries that were appended for a destination; each part of an event is one.",
        DESTINATION,
        each(lambda one: one.standing.census.accepted),
    ),
    Measure(
        "counter",
        "relay_deliveries",
        "Deliveries that are finished, by what they came to; no delivery counts twice.",
        ("destination", "outcome"),
        by(_outcomes),
    ),
    Measure(
        "gauge",
        "relay_unaccounted",
        "Accepted deliveries that are nowhere (above 0) or in two places (below 0).",
        DESTINATION,
        each(lambda one: one.standing.census.unaccounted),
    ),
    Measure(
        "gauge",
        "relay_backlog_deliveries",
        "Deliveries that wait in the log.",
        DESTINATION,
        each(lambda one: one.standing.census.waiting),
    ),
    Measure(
        "gauge",
        "relay_backlog_mark_deliveries",
        "The backlog_mark of the settings.",
        DESTINATION,
        each(lambda one: one.standing.account.backlog_mark if one.standing.configured else None),
    ),
    Measure(
        "gauge",
        "relay_backlog_oldest_seconds",
        "How long ago the oldest delivery in the log was accepted; 0 when nothing waits.",
        DESTINATION,
        each(lambda one: _age_s(one.standing.census.oldest_ms, one.now)),
    ),
    Measure(
        "gauge",
        "relay_backlog_age_mark_seconds",
        "The backlog_age_mark of the settings.",
        DESTINATION,
        each(
            lambda one: (
                one.standing.account.backlog_age_mark.total_seconds()
                if one.standing.configured
                else None
            )
        ),
    ),
    Measure(
        "gauge",
        "relay_retrying_deliveries",
        "Deliveries that failed and are due again, and those that wait behind them.",
        DESTINATION,
        each(lambda one: one.standing.census.retrying),
    ),
    Measure(
        "gauge",
        "relay_dead_letters",
        "Dead letters that lie there, by the reason of their burial.",
        ("destination", "reason"),
        by(_reasons),
    ),
    Measure(
        "gauge",
        "relay_unmapped_deliveries",
        "Deliveries that no rule maps.",
        DESTINATION,
        each(lambda one: one.standing.census.unmapped),
    ),
    Measure(
        "gauge",
        "relay_unmapped_oldest_seconds",
        "For how long the oldest of them has been unmapped; 0 when there are none.",
        DESTINATION,
        each(lambda one: _age_s(one.unmapped_since, one.now)),
    ),
    Measure(
        "gauge",
        "relay_unmapped_age_max_seconds",
        "The unmapped_age_max of the settings, after which they are discarded.",
        DESTINATION,
        each(_unmapped_age_max_s),
    ),
    Measure(
        "gauge",
        "relay_flags",
        "What somebody has to do at the destination by hand.",
        DESTINATION,
        each(lambda one: one.standing.census.flags),
    ),
)
