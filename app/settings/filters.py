"""Filters of a destination: which events it is sent, in rules of which the first match decides."""

from collections.abc import Collection
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from app.settings.conditions import Properties, Words
from app.settings.sections import Section

Type = Literal["track", "identify", "page", "screen", "group", "alias"]

ConditionsT = TypeVar("ConditionsT", bound=Collection[object])


def _some(conditions: ConditionsT) -> ConditionsT:
    if not conditions:
        raise ValueError("expected something; leave it out where all will do")
    return conditions


class FilterSettings(Section):
    """Whether events are sent that meet all of its conditions; without any it is for all events.

    `types` and `events` are met by one of theirs, `events` may hold `*`, `?` and `[...]`;
    `properties` are values by their paths inside of the event's properties, and all have to be so.
    """

    send: bool
    types: Annotated[tuple[Type, ...], AfterValidator(_some)] = Field(default_factory=tuple)
    events: Annotated[tuple[Words, ...], AfterValidator(_some)] = Field(default_factory=tuple)
    properties: Annotated[Properties, AfterValidator(_some)] = Field(default_factory=dict)

    @property
    def is_for_all(self) -> bool:
        return not (self.types or self.events or self.properties)


def reachable(filters: tuple[FilterSettings, ...]) -> tuple[FilterSettings, ...]:
    """The filters. Raises ValueError when one stands behind another that is for all events."""
    for number, one in enumerate(filters[:-1]):
        if one.is_for_all:
            raise ValueError(
                "expected a filter without conditions to be the last, for none behind it is "
                f"reached; found it as number {number + 1} of {len(filters)}"
            )
    return filters
