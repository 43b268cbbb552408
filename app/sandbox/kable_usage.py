"""What the pretend Kable has billed, and how it counts that when it is asked."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

PAGE_EVENTS = 50
MAX_INTERVALS = 10_000
LENGTHS = {
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(weeks=1),
    "YEAR": timedelta(days=365),
}

# Kable's Python SDK sends no zone; the sandbox insists on one, as RFC 3339 does.
Moment = Annotated[datetime, Meta(tz=True)]


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """A usage event. Further fields are billed as they are: Kable's SDKs send some."""

    client_id: Annotated[str, Meta(min_length=1)]
    timestamp: Moment
    transaction_id: str | UnsetType = UNSET
    data: dict[str, Raw] | UnsetType = UNSET


EVENT = msgspec.json.Decoder(Event)


class Billable(msgspec.Struct, frozen=True):
    """An event that was understood, and the JSON that it came as."""

    event: Event
    raw: Raw


class Question(msgspec.Struct, frozen=True, rename="camel"):
    """What `usage/get` is asked. The sandbox knows a dimension by its key."""

    aggregation: Literal["COUNT", "COUNT_DISTINCT", "SUM", "MINIMUM", "MAXIMUM"]
    interval: Literal["MINUTE", "HOUR", "DAY", "WEEK", "YEAR"]
    start_date: Moment
    end_date: Moment
    dimension_key: Annotated[str, Meta(min_length=1)]
    client_id: str | None = None


class Usage:
    """What was billed, in the order in which it came. Nothing bounds it but `_state`."""

    def __init__(self) -> None:
        self._billed: dict[str | int, Raw] = {}
        self._newest: deque[tuple[datetime, Billable]] = deque(maxlen=PAGE_EVENTS)
        self.duplicates = 0

    @property
    def count(self) -> int:
        return len(self._billed)

    def bill(self, at: datetime, billable: Billable) -> None:
        transaction_id = billable.event.transaction_id
        # Without an id nothing can be a duplicate: such events count up instead.
        key = self.count if transaction_id is UNSET else transaction_id
        if key in self._billed:
            self.duplicates += 1
            return
        self._billed[key] = billable.raw
        self._newest.appendleft((at, billable))

    def items(self, limit: int | None) -> list[Raw]:
        """The newest so many (None: all), oldest first."""
        return list(islice(reversed(self._billed.values()), limit))[::-1]

    def events(self) -> Iterator[Event]:
        return (EVENT.decode(raw) for raw in self._billed.values())

    def newest(self) -> list[dict[str, object]]:
        return [row(at, billable) for at, billable in self._newest]


def counted(question: Question, events: Iterable[Event]) -> dict[str, object]:
    """The answer: the dimension's value in each interval. Raises ValueError for a bad question."""
    starts = list(starts_of(question))
    found: list[list[Raw]] = [[] for _ in starts]
    for event in events:
        value = value_of(question, event)
        if value is not None:
            found[(event.timestamp - question.start_date) // LENGTHS[question.interval]].append(
                value
            )
    dimension = {
        "dimensionId": f"dim_{question.dimension_key}",
        "key": question.dimension_key,
        "name": question.dimension_key,
    }
    aggregate = AGGREGATES[question.aggregation]
    intervals = [
        {
            "intervalStart": shown(start),
            "intervalEnd": shown(min(start + LENGTHS[question.interval], question.end_date)),
            "dimension": dimension,
            "clientId": question.client_id,
            "total": aggregate(values),
        }
        for start, values in zip(starts, found, strict=True)
    ]
    return {
        "startDate": shown(question.start_date),
        "endDate": shown(question.end_date),
        "dimension": dimension,
        "clientId": question.client_id,
        "total": aggregate([value for values in found for value in values]),
        "intervals": intervals,
    }


def starts_of(question: Question) -> Iterator[datetime]:
    length = LENGTHS[question.interval]
    count = -((question.start_date - question.end_date) // length)
    if not 0 < count <= MAX_INTERVALS:
        raise ValueError(f"expected 1 to {MAX_INTERVALS} intervals, got {count}")
    return (question.start_date + number * length for number in range(count))


def value_of(question: Question, event: Event) -> Raw | None:
    """The event's value for the dimension; None when the question does not cover the event."""
    if question.client_id not in (None, event.client_id) or event.data is UNSET:
        return None
    within = question.start_date <= event.timestamp < question.end_date
    return event.data.get(question.dimension_key) if within else None


def number(value: Raw) -> float:
    try:
        return msgspec.json.decode(value, type=float)
    except msgspec.ValidationError as error:
        raise ValueError(f"expected numbers in the dimension: {error}") from error


AGGREGATES: Mapping[str, Callable[[Sequence[Raw]], float]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len({bytes(value) for value in values}),
    "SUM": lambda values: sum(map(number, values)),
    "MINIMUM": lambda values: min(map(number, values), default=0),
    "MAXIMUM": lambda values: max(map(number, values), default=0),
}


def shown(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def row(at: datetime, billable: Billable) -> dict[str, object]:
    """An event for the page; `data` as text, since a browser would round its numbers."""
    sent = msgspec.json.decode(billable.raw, type=dict[str, Raw])
    return {
        "received": at,
        "clientId": billable.event.client_id,
        "timestamp": sent["timestamp"],
        "transactionId": sent.get("transactionId"),
        "data": bytes(sent["data"]).decode() if "data" in sent else None,
    }
