"""Kana's mapping rules: which feature a Segment event stands for that names none."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`{"event": name}`, or `{"property": path, "value": text}` with the path in dot notation."""

    event: Text | None = None
    property: Text | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        if (self.event is None) == (self.property is None):
            raise ValueError("expected either event or property in a condition")
        if (self.property is None) != (self.value is None):
            raise ValueError("expected value beside property, and not beside event")

    def holds(self, event: object, properties: Mapping[str, object]) -> bool:
        if self.property is None:
            return self.event == event
        return self.value == value_at(self.property, properties)


class Rule(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where all conditions hold the event is usage of the feature."""

    name: Text
    conditions: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    feature_id: Text

    def __post_init__(self) -> None:
        if sum(condition.event is not None for condition in self.conditions) > 1:
            raise ValueError("expected at most one condition with an event in a rule")

    def matches(self, event: object, properties: Mapping[str, object]) -> bool:
        return all(condition.holds(event, properties) for condition in self.conditions)


def features(
    rules: Iterable[Rule], event: object, properties: Mapping[str, object]
) -> tuple[str, ...]:
    """The features of the rules that match, each once, in the order of the rules."""
    matching = (rule.feature_id for rule in rules if rule.matches(event, properties))
    return tuple(dict.fromkeys(matching))


def values(properties: Mapping[str, object], above: str = "") -> Iterable[tuple[str, str]]:
    """Every path to a value that a condition may name, with the value as text."""
    for name, value in properties.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from values(value, f"{path}.")
        elif (found := text(value)) is not None:
            yield path, found


def value_at(path: str, properties: Mapping[str, object]) -> str | None:
    found: object = properties
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return text(found)


def text(value: object) -> str | None:
    """A value as JavaScript writes it as text; objects, arrays and null have none."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
        case _:
            return None
