"""What a destination is: one literal with a pure transform, from which the pump does the rest.

A module under `app/destinations` builds one `Destination` and nothing else; credentials, HTTP,
time and retries belong to the frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from app.outcome import Outcome
from app.segment import Event
from app.settings import DestinationSettings

AccountT = TypeVar("AccountT", bound=DestinationSettings)


@dataclass(frozen=True, slots=True)
class Item:
    """What one event becomes: the piece of a request's body that stands for it.

    `repeatable` says whether the destination recognises a repeat or a repeat does no harm; what is
    not is never sent again on its own. `step` goes into the request for `read` to see. Where
    `rules` said what it means, `event` is the event with that written into it, so that it keeps
    the meaning when it is sent again.
    """

    body: bytes
    repeatable: bool = True
    step: object = None
    event: bytes | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Several:
    """The event stands for several calls, each a delivery of its own with an event of its own.

    `rules` are the ids of those that said so.
    """

    events: tuple[bytes, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """The destination has no use for this event; not an error."""

    why: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The event cannot become a request; `why` names the field and what was expected."""

    why: str


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Nothing says yet what this event means for the destination; it is kept until a rule does."""


Single = Item | Skip | Reject | Unmapped
Transformed = Single | Several


@dataclass(frozen=True, slots=True)
class Request:
    """A request without credentials; `path` is relative to the account's base URL.

    `step` is not sent: it tells `read` what was asked. `endpoint` names one of the destination's
    `endpoints`, where it goes instead with the credentials of that.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    step: object = None
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API lives, and the credentials that go there; they are in none of its prints."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Next:
    """The delivery needs another call, known from this one's answer. For repeatable calls only."""

    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; header names are lower case, the body is cut at the client's bound."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection came about, so the destination saw nothing."""

    error: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The request went out and no complete answer came back: its fate is unknown."""

    error: str


Reply = Answer | NotSent | Lost


@dataclass(frozen=True, slots=True)
class Batch:
    """How much fits into one request."""

    items_max: int = 1
    bytes_max: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: from midnight to midnight (UTC), without the last moment.

    `customer` names one in the destination's own words; without it all of them are meant.
    """

    since: datetime
    until: datetime
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user used of a feature, as the destination itself counts it."""

    user: str
    feature: str
    delta: int


@dataclass(frozen=True, slots=True)
class Period:
    """What a destination counts from one moment up to another (UTC)."""

    start: datetime
    end: datetime
    total: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The destination's own count, by period; the oldest period comes first."""

    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class CountFailed:
    """No count was had; `why` says what to look at, `away` that nothing answered."""

    why: str
    away: bool = False


@dataclass(frozen=True, slots=True)
class CountsByDay(Generic[AccountT]):
    """How to ask a destination that can say how many events it counts on each day.

    ask   (span, account) -> the request, or why the account's settings do not allow it
    told  (reply) -> the count by day
    """

    ask: Callable[[Span, AccountT], Request | CountFailed]
    told: Callable[[Reply], Counted | CountFailed]


@dataclass(frozen=True, slots=True)
class CountsByFeature(Generic[AccountT]):
    """How to ask a destination that can say what one user used of one feature.

    ask   (user, feature, account) -> the request, or why the account's settings do not allow it
    told  (reply) -> the count by the destination's own periods
    used  (event, account) -> the usage that the event stands for, if it stands for any; pure
    """

    ask: Callable[[str, str, AccountT], Request | CountFailed]
    told: Callable[[Reply], Counted | CountFailed]
    used: Callable[[Event, AccountT], Usage | None]


def _no_endpoints(_account: DestinationSettings) -> Mapping[str, Endpoint]:
    return {}


def _always_ruled(_account: DestinationSettings) -> str:
    return ""


def _no_probes(_account: DestinationSettings) -> Sequence[Request]:
    return ()


@dataclass(frozen=True, slots=True)
class Destination(Generic[AccountT]):
    """A kind of destination.

    kind       how relay.toml names it
    name       how the `integrations` object of an event names it
    account    its settings
    accepts    the types of events that it takes; the others are skipped at ingest
    transform  (event, account) -> Item | Several | Skip | Reject | Unmapped; pure
    batch      how many items one request takes
    compose    (items, account) -> Request; the number of items never exceeds `batch`
    read       (reply, request) -> Outcome of every item in the request, or the Next request;
               Rejected for several splits them
    base_url   (account) -> where its API lives
    headers    (account) -> the credentials, added to every request
    probe      (account) -> a harmless request that shows whether it answers and the credentials
               are good; `read` says Delivered then
    endpoints  (account) -> its further APIs, by the name under which a request asks for one
    probes     (account) -> harmless requests like `probe` to these; only `relay check` sends them
    ordered    whether a user's later events wait for an earlier one that is tried again
    repeatable whether all its items are; else its account has `accept_everysec`, for a store that
               forgets the mark of a call lets it go out once more
    ruled      whether mapping rules say what its events mean; its account has `rules` then
    unruled    (account) -> why they do not with its settings; empty when they do
    belated    what becomes of an event whose billing period is closed, in words for an operator
    grace      how long after the end of a period it still bills what comes, in that period
    counts     how to ask what it counted itself, where it can say; the question records nothing
    """

    kind: str
    name: str
    account: type[AccountT]
    accepts: frozenset[str]
    transform: Callable[[Event, AccountT], Transformed]
    compose: Callable[[Sequence[Item], AccountT], Request]
    read: Callable[[Reply, Request], Outcome | Next]
    base_url: Callable[[AccountT], str]
    headers: Callable[[AccountT], Mapping[str, str]]
    probe: Callable[[AccountT], Request]
    endpoints: Callable[[AccountT], Mapping[str, Endpoint]] = _no_endpoints
    probes: Callable[[AccountT], Sequence[Request]] = _no_probes
    batch: Batch = Batch()
    ordered: bool = False
    repeatable: bool = True
    ruled: bool = False
    unruled: Callable[[AccountT], str] = _always_ruled
    belated: str = "their billing period is closed; look whether the destination still bills them"
    grace: timedelta = timedelta(0)
    counts: CountsByDay[AccountT] | CountsByFeature[AccountT] | None = None

    def __post_init__(self) -> None:
        if self.ordered and self.batch.items_max > 1:
            raise ValueError(f"{self.kind}: expected ordered with one item a request, not several")
