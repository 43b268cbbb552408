"""What the API answers of destinations."""

from typing import Any, Literal

from app.console.api.shape import Shape, told
from app.console.api.shapes.samples import MOMENT


class Latency(Shape):
    """From accepted to delivered, of the newest deliveries, in ms; null without any."""

    p50: int | None = told(12)
    p95: int | None = told(48)


class Destination(Shape):
    """A destination: how it stands, and where everything is that it was handed."""

    id: str = told("kable")
    kind: str = told("kable")
    state: Literal["delivering", "throttled", "paused", "broken", "unattended", "orphaned"] = told(
        "delivering"
    )
    reason: str = told("", "Why it does not just deliver.")
    waiting: int = told(12, "In the log, not yet sent.")
    oldest_seconds: float | None = told(0.8, "How long the oldest has waited.")
    retrying: int = told(3)
    dead: int = told(2, "Dead letters, unconfirmed ones too.")
    unconfirmed: int = told(0, "May have been recorded: an operator decides.")
    unmapped: int = told(0, "No rule says yet what they mean.")
    accepted: int = told(1017, "All deliveries that it was ever handed.")
    parts: int = told(0, "Deliveries that events became beyond the first one.")
    delivered: int = told(990)
    flags: int = told(0, "What somebody has to do there by hand.")
    skipped: int = told(10, "It had no use for them; the next three are among them.")
    filtered: int = told(4)
    before_cutover: int = told(0)
    dry_run: int = told(0)
    discarded: int = told(0)
    expired: int = told(0, "Unmapped for too long; among the discarded.")
    unaccounted: int = told(0, "Nowhere: 0, or something is wrong.")
    backlog: str = told("", "Which mark the backlog has crossed.")
    rate: float | None = told(50.0, "Deliveries a second at most now; null for no limit.")
    latency_ms: Latency


class Day(Shape):
    """What became until now of the deliveries that were accepted on a day (UTC)."""

    day: str = told("2026-05-01")
    accepted: int = told(1017)
    waiting: int = told(12)
    retrying: int = told(3)
    dead: int = told(2)
    unmapped: int = told(0)
    delivered: int = told(990)
    skipped: int = told(10)
    discarded: int = told(0)


class Retry(Shape):
    """A delivery that is tried again."""

    destination: str = told("kable")
    message_id: str = told("9f6d-1", "With `#<part>` where the event became several.")
    due: str = told(MOMENT)
    user: str = told("customer-1")
    source: str = told("web")
    accepted_at: str = told(MOMENT)
    attempts: int = told(2)
    last_status: int | None = told(500)
    last_error: str = told("")
    behind: int = told(0, "Later deliveries of the user that wait for it.")


class SentRequest(Shape):
    """A request without credentials."""

    method: str = told("POST")
    path: str = told("/api/v1/events/create")
    body: Any = told([{"transactionId": "9f6d-1"}], "JSON, or else text.")


class Shown(Shape):
    """What a dry run would have done with a delivery."""

    message_id: str = told("9f6d-1")
    user: str = told("customer-1")
    at: str = told(MOMENT)
    would_be: Literal["sent", "rejected", "unmapped", "untransformable"] = told("sent")
    why: str = told("")
    request: SentRequest | None


class Fates(Shape):
    """What became of deliveries, each counted under one word."""

    filtered: int = told(4)
    before_cutover: int = told(0)
    dry_run: int = told(0)
    skipped: int = told(6)
    unmapped: int = told(0)
    behind: int = told(1, "Began to wait behind an earlier one of their user; they go on.")
    retried: int = told(3, "Began to wait for a retry; they go on.")
    delivered: int = told(987, "At their first attempt.")
    delivered_after_retry: int = told(3)
    dead: int = told(2)
    dead_by_reason: dict[str, int] = told({"rejected": 2})


class Numbers(Fates):
    """What became of those received, and `later` of those that waited before."""

    received: int = told(1003)
    later: Fates


class EventNumbers(Numbers):
    """The numbers of the events of one name."""

    event: str = told("track Call", "What the pipeline is asked by.")
    type: str = told("track", "Empty where names are counted as one.")
    name: str = told("Call")


class HourNumbers(Numbers):
    """The numbers of an hour."""

    at: str = told("2026-05-01T09:00:00.000Z")


class Pipeline(Numbers):
    """What became of deliveries in whole hours: in all, by name of event and by hour."""

    destination: str = told("kable")
    since: str = told("2026-05-01T09:00:00.000Z")
    until: str = told("2026-05-01T10:00:00.000Z")
    events: list[EventNumbers]
    hidden_events: int = told(0, "How many names more there are.")
    hours: list[HourNumbers]
