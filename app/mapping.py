"""Mapping rules: which feature an event stands for that names none itself. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from app.conditions import has
from app.segment import Event
from app.settings import Id
from app.settings.conditions import Properties, Words
from app.settings.sections import Section
from app.settings.wording import refusal, shown

RULES_MAX = 200


class BadRule(ValueError):
    """What is no rule; `faults` names each field, dotted, and what was expected of it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        told = (f"{field}: {why}" if field else why for field, why in faults.items())
        super().__init__("; ".join(told))
        self.faults = faults


class Rule(Section):
    """An event stands for one usage of `feature` when it meets every condition.

    `event` is the name that it has to have, `properties` are values by their paths inside of its
    properties. Values are equal as JSON: the text "12" is not the number 12, which 12.0 is.
    """

    id: Id
    name: Words = Field(default_factory=lambda data: data.get("id", ""), max_length=200)
    feature: Words = Field(max_length=200)
    event: Words | None = None
    properties: Properties = Field(default_factory=dict, max_length=50)

    @classmethod
    def written(cls, fields: Mapping[str, object]) -> "Rule":
        """The rule that these fields make. Raises BadRule."""
        try:
            return cls.model_validate(fields)
        except ValidationError as wrong:
            raise BadRule(_faults(wrong)) from None

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Rule":
        if self.event is None and not self.properties:
            raise ValueError("expected an event, a property, or both; found no condition")
        return self


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules of a destination in their order, and the version that grows when they change."""

    version: int = 0
    rules: tuple[Rule, ...] = ()


def matching(rules: Sequence[Rule], event: Event) -> list[Rule]:
    """The rules of which an event meets every condition, in their order."""
    name = event.text("event")
    named = (rule for rule in rules if rule.event in (None, name))
    return [rule for rule in named if has(event, rule.properties)]


def _faults(wrong: ValidationError) -> dict[str, str]:
    return {
        ".".join(str(part) for part in error["loc"] if part != "[key]"): _fault(error)
        for error in wrong.errors(include_url=False)
        if error["type"] != "default_factory_not_called"  # the name, for the id is told already
    }


def _fault(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "expected a value; found none"
    if error["type"] == "extra_forbidden":
        return "unknown field"
    why = refusal(error)
    return why if "; found" in why else f"{why}; found {shown(error['input'])}"
