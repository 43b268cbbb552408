"""A mapping rule while it is typed: its conditions, and what is wrong with it yet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from app.mapping import BadRule, Rule

Sort = Literal["text", "number", "true or false"]
SORTS: Final[tuple[Sort, ...]] = ("text", "number", "true or false")
ID_OF_A_TRIAL: Final = "trial"
FEATURE_OF_A_TRIAL: Final = "trial"


@dataclass(frozen=True, slots=True)
class Condition:
    """A property at a path that has to have a value; `value` as it is typed, without quotes."""

    path: str = ""
    sort: Sort = "text"
    value: str = ""

    @property
    def empty(self) -> bool:
        return not self.path and not self.value

    @property
    def json(self) -> str:
        """The value as JSON, with which an event's is compared. Raises ValueError."""
        return msgspec.json.encode(self.scalar).decode()

    @property
    def scalar(self) -> str | int | float | bool:
        """Raises ValueError for what is not of its sort."""
        if self.sort == "text":
            return self.value
        try:
            found = msgspec.json.decode(self.value.strip())
        except (msgspec.DecodeError, UnicodeEncodeError):
            found = None
        if self.sort == "true or false":
            if isinstance(found, bool):
                return found
            raise ValueError(f"expected true or false; found {self.value!r}")
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return found
        raise ValueError(f"expected a number such as 5 or 0.25; found {self.value!r}")


@dataclass(frozen=True, slots=True)
class TypedRule:
    """The fields of the form; `event` empty for any name, `id` and `name` for one that is made."""

    feature: str = ""
    event: str = ""
    conditions: Sequence[Condition] = ()
    name: str = ""
    id: str = ""

    def rule(self, id_: str) -> Rule:
        """The rule; its id is `id_` unless one is typed. Raises BadRule."""
        properties, faults = self._properties()
        fields: dict[str, object] = {
            "id": self.id.strip() or id_,
            "feature": self.feature.strip(),
            "event": self.event or None,
            "properties": properties,
        }
        if self.name.strip():
            fields["name"] = self.name.strip()
        if faults:
            raise BadRule(faults)
        return Rule.written(fields)

    def trial(self) -> Rule:
        """The rule as far as it says what it matches. Raises BadRule."""
        return TypedRule(FEATURE_OF_A_TRIAL, self.event, self.conditions).rule(ID_OF_A_TRIAL)

    def _properties(self) -> tuple[dict[str, object], dict[str, str]]:
        properties: dict[str, object] = {}
        faults: dict[str, str] = {}
        for number, one in enumerate(self.conditions):
            if one.empty:
                continue
            field = condition_field(number)
            if not all(one.path.split(".")):
                faults[field] = "expected a path in dot notation, such as object.name"
            elif one.path in properties:
                faults[field] = f"expected each path once; found {one.path} twice"
            else:
                try:
                    properties[one.path] = one.scalar
                except ValueError as wrong:
                    faults[field] = str(wrong)
        return properties, faults


def condition_field(number: int) -> str:
    """How a fault names a condition, by its place among them."""
    return f"conditions.{number}"


def condition(path: str, value: str) -> Condition:
    """The condition that a property has this value, written as JSON; what is no JSON is a text."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        found = value
    match found:
        case bool():
            return Condition(path, "true or false", value.strip())
        case int() | float():
            return Condition(path, "number", value.strip())
        case str():
            return Condition(path, "text", found)
        case _:
            return Condition(path, "text", value)
