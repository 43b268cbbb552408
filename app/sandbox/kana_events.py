"""Segment's events as Kana reads them: who a user is, and what was used."""

import re
from typing import Any

import msgspec

from app.sandbox.kana_identify import Identity

TRAITS = ("name", "email", "billingUserId")
DELTA_MIN, DELTA_MAX = -(2**31), 2**31 - 1
WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,20})(?:\.0{1,20})?")


class UnfitError(Exception):
    """What Kana cannot take of an event, for its sender."""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What Kana reads of a track or an identify; nothing else of it is looked at."""

    type: str
    user_id: Any = None
    event: Any = None
    properties: Any = None
    traits: Any = None

    @property
    def values(self) -> dict[str, object]:
        return self.properties if isinstance(self.properties, dict) else {}


def identity(event: Event) -> Identity:
    """Every other trait is left behind: so are an audience's, a computed one, and `billingId`.

    Raises UnfitError for one that is no text.
    """
    traits = event.traits if isinstance(event.traits, dict) else {}
    for name in TRAITS:
        if not isinstance(traits.get(name), str | None):
            raise UnfitError(f"traits.{name}: expected a text, got {traits[name]!r}")
    return Identity(event.user_id, *(traits.get(name) or None for name in TRAITS))


def named_feature(event: Event) -> str | None:
    """The feature that a track names, whatever the rules say; raises UnfitError."""
    feature = event.values.get("featureId")
    if feature is not None and not (isinstance(feature, str) and feature):
        raise UnfitError(f"properties.featureId: expected a text, got {feature!r}")
    return feature


def delta(event: Event) -> int:
    """How much was used, 1 where the event does not say; raises UnfitError."""
    given = event.values.get("delta")
    number = 1 if given is None else whole_number(given)
    if number is None or not DELTA_MIN <= number <= DELTA_MAX:
        expected = f"a whole number from {DELTA_MIN} to {DELTA_MAX}"
        raise UnfitError(f"properties.delta: expected {expected}, got {given!r}")
    return number


def whole_number(given: object) -> int | None:
    """A whole number, also as 2.0 or as text."""
    match given:
        case bool():
            return None
        case int():
            return given
        case float() if given.is_integer():
            return int(given)
        case str() if found := WHOLE_NUMBER.fullmatch(given):
            return int(found[1])
        case _:
            return None
