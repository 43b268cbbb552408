"""What the API answers of dead letters."""

from typing import Any, Literal

from app.console.api.shape import Shape, told
from app.console.api.shapes.samples import EVENT, GROUP, LATER, LETTER, MOMENT, REPLAY


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
