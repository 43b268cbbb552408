"""What the API answers of mapping rules, and of what none maps."""

from typing import Any, Literal

from app.console.api.shape import Shape, told
from app.console.api.shapes.lists import Page
from app.console.api.shapes.samples import EVENT, MOMENT


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
