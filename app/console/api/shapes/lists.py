"""What all answers of the API have in common: pages of a list, and faults."""

from typing import Generic, TypeVar

from app.console.api.answers import FaultCode
from app.console.api.shape import Shape, told

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
