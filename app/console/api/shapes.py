"""What the API answers, for its description; `app/items.py` makes the answers themselves."""

from typing import Any, Generic, Literal, TypeVar

from app.console.api.answers import FaultCode
from app.console.api.shape import Shape, told

MOMENT = "2026-05-01T09:30:00.000Z"
LATER = "2026-05-01T09:31:04.250Z"
LETTER = "3-1767225600000-0.hefg8dts00"
GROUP = "5da9ce0a85cb"
REPLAY = "3f2a9c41d07b"
EVENT = {"type": "track", "event": "Call", "messageId": "9f6d-1", "userId": "customer-1"}

Item = TypeVar("Item", bound=Shape)


class Fault(Shape):
    """What is wrong: `code` for programs, `message` for people."""

    code: FaultCode = told("invalid", "A word that does not change.")
    message: str = told("expected at most 500; found 501", "What was expected and what came.")
    field: str | None = told("limit", "The member or parameter that is wrong, dotted.")


class Error(Shape):
    """Every answer that is no success."""

    error: Fault


class Page(Shape, Generic[Item]):
    """Some items; where there may be more, `next_cursor` gets them."""

    items: list[Item]
    next_cursor: str | None = told(None, "Give it as `cursor` for the next ones; null at the end.")


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


class Letter(Shape):
    """A dead letter; its id means one burial of a delivery."""

    id: str = told(LETTER)
    destination: str = told("kable")
    message_id: str = told("9f6d-1", "With `#<part>` where the event became several.")
    reason: Literal["rejected", "exhausted", "unconfirmed", "untransformable", "poison"] = told(
        "rejected"
    )
    message: str = told("Kable answered 400, clientId is unknown")
    event: str = told("Call", "The event's name, or its type.")
    user: str = told("customer-1")
    buried_at: str = told(MOMENT)
    attempts: int = told(1, "How many.")
    group: str = told(GROUP, "What failed alike has the same.")


class Attempt(Shape):
    """One try; only the last keeps its request and the beginning of the response."""

    at: str = told(MOMENT)
    status: int | None = told(400)
    error: str = told("")
    seconds: float = told(0.021)
    request: str = told('[{"transactionId":"9f6d-1"}]')
    response: str = told('{"message":"clientId is unknown"}')


class OpenedLetter(Shape):
    """A dead letter with its event and its attempts."""

    id: str = told(LETTER)
    destination: str = told("kable")
    message_id: str = told("9f6d-1")
    reason: str = told("rejected")
    message: str = told("Kable answered 400, clientId is unknown")
    event: str = told("Call")
    user: str = told("customer-1")
    buried_at: str = told(LATER)
    group: str = told(GROUP)
    source: str = told("web")
    accepted_at: str = told(MOMENT)
    attempts: list[Attempt]
    payload: Any = told(EVENT, "The event with its values as they came; text if it is no JSON.")
    original: Any = told(None, "The event before it was edited; null if it was not.")


class ExportedLetter(Letter):
    """A dead letter and its event, one a line."""

    payload: Any = told(EVENT)


class Group(Shape):
    """Dead letters that failed alike."""

    id: str = told(GROUP)
    destination: str = told("kable")
    reason: str = told("rejected")
    message: str = told("Kable answered 400, clientId is unknown", "The first letter's.")
    status: int | None = told(400, "Of the first letter's last answer.")
    count: int = told(1200)
    first_at: str = told(MOMENT)
    last_at: str = told(LATER)
    sample: str = told(LETTER, "The newest letter.")


class ReplaySurvey(Shape):
    """What a replay would take."""

    count: int = told(1200)
    unconfirmed: int = told(0, "Of these: may be billed twice.")
    closed_period: int | None = told(
        3, "Of these: their billing period is closed; null: too many."
    )
    left_out: int = told(2, "Unconfirmed ones that match and stay, for nothing names them.")


class DiscardSurvey(Shape):
    """What a discard would take."""

    count: int = told(1200)
    unconfirmed: int = told(0, "Of these: may have been recorded already.")


class Begun(Shape):
    """What has begun, and how many letters it is about."""

    id: str = told(REPLAY)
    count: int = told(1200)


class Replay(Shape):
    """A replay and what it has come to."""

    id: str = told(REPLAY)
    destination: str = told("kable")
    state: Literal["running", "done", "cancelled"] = told("running")
    standing: str = told("", "Why it moves nothing now.")
    total: int = told(1200, "Letters that matched when it began.")
    replayed: int = told(400, "Of these so far.")
    under_way: int = told(10, "Of the replayed: not finished yet.")
    delivered: int = told(389)
    skipped: int = told(0)
    dead: int = told(1, "Buried again.")
    unmapped: int = told(0)
    unconfirmed: int = told(0)
    closed_period: int | None = told(3)
    rate: float = told(50.0, "Letters a second at most.")
    who: str = told("ann")
    filter: dict[str, str] | None = told({"group": GROUP}, "Null where letters were named.")
    began_at: str = told(MOMENT)
    ended_at: str | None = told(None)


class Discard(Shape):
    """A discard and how far it is; `failed` where the store went away meanwhile."""

    id: str = told(REPLAY)
    destination: str = told("kable")
    state: Literal["running", "done", "cancelled", "failed"] = told("done")
    total: int = told(1200)
    discarded: int = told(1200)
    who: str = told("ann")
    began_at: str = told(MOMENT)
    ended_at: str | None = told(LATER)


class Happening(Shape):
    """What happened to a delivery; what is not known is left out."""

    at: str = told(MOMENT)
    what: str = told("attempted", "accepted, attempted, due, parked, buried, delivered, ...")
    status: int = told(200, default=0)
    error: str = told("the answer did not come in time", default="")
    seconds: float = told(0.021, default=0)
    attempts: int = told(1, default=0)


class TracedDelivery(Shape):
    """One delivery of an event."""

    destination: str = told("kable")
    message_id: str = told("9f6d-1")
    place: str = told(
        "finished",
        "waiting, retrying, dead, unmapped or finished; several with `or` where the search ended.",
    )
    history: list[Happening]
    note: str = told("", "Why the search did not look everywhere.")


class Trace(Shape):
    """Where an event is, destination by destination."""

    deliveries: list[TracedDelivery]


class Source(Shape):
    """What came of the events of a source; each is counted once."""

    id: str = told("web")
    accepted: int = told(1017)
    repeats: int = told(4, "All destinations had them.")
    unrouted: int = told(0, "No destination takes them.")
    refused: int = told(2)
    refused_by_code: dict[str, int] = told({"no_user_anon_id": 2})


class RefusedSample(Shape):
    """An event that was refused."""

    at: str = told(MOMENT)
    message: str = told("userId, anonymousId: expected one of them")
    event: str = told('{"type":"track","event":"Call"}', "The beginning of what came, as text.")


class Rejections(Shape):
    """What of a source was refused under a code, and the newest ten."""

    source: str = told("web")
    code: str = told("no_user_anon_id")
    count: int = told(2)
    samples: list[RefusedSample]


class Rule(Shape):
    """A mapping rule: an event that meets every condition is one usage of the feature."""

    id: str = told("5f1c2e9a")
    destination: str = told("kana")
    name: str = told("Reports")
    feature: str = told("reports")
    event: str | None = told("Report Exported")
    properties: dict[str, Any] = told({"format": "pdf"})
    created_at: str | None = told(MOMENT, "Null for a rule of the configuration.")
    matches: int = told(17)


class Remapping(Shape):
    """How far new rules have come over what is unmapped."""

    destination: str = told("kana")
    state: Literal["running", "done"] = told("running")
    total: int = told(500)
    looked: int = told(200)
    taken: int = told(20)
    under_way: int = told(2)
    began_at: str = told(MOMENT)
    ended_at: str | None = told(None)
    standing: str = told("", "Why it moves nothing now.")


class Rules(Page[Rule]):
    """All rules in their order, those of the configuration first."""

    remapping: Remapping | None


class RemovedRule(Shape):
    """The rule that holds no longer."""

    id: str = told("5f1c2e9a")
    destination: str = told("kana")


class Unmapped(Shape):
    """An event that no rule maps yet."""

    id: str = told("3-1767225600000-0")
    destination: str = told("kana")
    message_id: str = told("9f6d-1")
    event: str | None = told("Report Exported")
    user: str = told("customer-1")
    parked_at: str = told(MOMENT)
    payload: Any = told(EVENT)


class EventGroup(Shape):
    """Unmapped events of one name; null for those without."""

    event: str | None = told("Report Exported")
    count: int = told(40)
    samples: list[str] = told(["3-1767225600000-0"])


class PropertyGroup(Shape):
    """Unmapped events with one value at one path."""

    path: str = told("format")
    value: Any = told("pdf")
    count: int = told(30)
    samples: list[str] = told(["3-1767225600000-0"])


class UnmappedGroups(Shape):
    """The newest `looked` of `total` unmapped events, counted."""

    destination: str = told("kana")
    total: int = told(40)
    looked: int = told(40)
    events: list[EventGroup]
    properties: list[PropertyGroup]
    hidden_events: int = told(0)
    hidden_properties: int = told(0)
    uncounted: int = told(0)


class Trial(Shape):
    """What a rule would match of the newest `looked` of `total` unmapped events."""

    destination: str = told("kana")
    total: int = told(40)
    looked: int = told(40)
    matched: int = told(30)
    samples: list[Unmapped]


class Flag(Shape):
    """What somebody has to do at the destination by hand, for its API cannot."""

    id: str = told("5f1c0d7a9be24c66")
    destination: str = told("kana")
    user: str = told("customer-1")
    about: str = told("email")
    wanted: str | None = told("bo@example.org")
    found: str | None = told("ann@example.org")
    why: str = told("Kana's API does not change it")
    advice: str = told("change it in Kana")
    message_id: str = told("9f6d-1", "The event that asked for it last.")
    accepted_at: str = told(MOMENT)


class Action(Shape):
    """What an operator did."""

    destination: str = told("kable")
    at: str = told(MOMENT)
    who: str = told("ann")
    what: str = told("discarded")
    count: int = told(1200)
    about: str = told(f"group {GROUP}", "Which, or why.")


class Setting(Shape):
    """A setting in effect."""

    name: str = told("destinations.kable.rate")
    value: str = told("50", "As relay.toml would spell it; masked where it is secret.")
    unit: str = told("events a second", "Empty where the value is no number.")
    secret: bool = told(example=False)
    origin: Literal["environment", "file", "default"] = told("environment")
    place: str = told(
        "RELAY_DESTINATIONS__kable__RATE", "The variable or the file; empty for a default."
    )


class Finding(Shape):
    """How a part was found, and what to do when it is not as it should be."""

    part: str = told("beat")
    state: Literal["ok", "warning", "failed"] = told("ok")
    found: str = told("ticks")
    advice: str = told("")


class Workers(Shape):
    """Who consumes queues: those that announced themselves in the last 30 seconds."""

    processes: int = told(4)
    queues: list[str] = told(["relay.kable", "relay.kana"])


class Status(Shape):
    """The store and the processes."""

    store: str = told("127.0.0.1:6379", "Its address.")
    workers: Workers
    beat: bool = told(example=True, description="Whether it ticks.")
    findings: list[Finding]
