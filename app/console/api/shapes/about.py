"""What the API answers of flags, of what operators did, and of the relay itself."""

from typing import Literal

from app.console.api.shape import Shape, told
from app.console.api.shapes.samples import GROUP, MOMENT


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
