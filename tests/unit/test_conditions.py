"""A condition holds for values that are equal as JSON, and for nothing else."""

import pytest

from app.conditions import has
from app.segment import Event
from app.settings.conditions import Scalar

EVENT = Event.decode(
    b'{"type":"track","plan":"root","properties":{"plan":"free","seats":12,"price":1.10,"on":true,'
    b'"big":12345678901234567890123,"huge":1e999,"none":null,"list":["free"],'
    b'"account":{"internal":false,"owner":{"name":"\\u00e9"}},"a.b":"dotted","a":{"b":"nested"}}}'
)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("plan", "free"),
        ("seats", 12),
        ("seats", 12.0),
        ("price", 1.1),
        ("on", True),
        ("big", 12345678901234567890123),
        ("account.internal", False),
        ("account.owner.name", "é"),
        ("a.b", "dotted"),
    ],
)
def test_a_property_is_what_is_wanted(path: str, wanted: Scalar) -> None:
    assert has(EVENT, {path: wanted})


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("plan", "Free"),
        ("plan", "root"),
        ("seats", "12"),
        ("seats", 13),
        ("seats.of", 12),
        ("on", 1),
        ("on", "true"),
        ("account.internal", 0),
        ("account", "internal"),
        ("big", 12345678901234567890124),
        ("huge", 1),
        ("none", ""),
        ("none", False),
        ("list", "free"),
        ("list.0", "free"),
        ("properties.plan", "free"),
        ("absent", ""),
    ],
)
def test_a_property_is_something_else(path: str, wanted: Scalar) -> None:
    assert not has(EVENT, {path: wanted})


def test_every_property_has_to_be_what_is_wanted() -> None:
    assert has(EVENT, {})
    assert has(EVENT, {"plan": "free", "on": True})
    assert not has(EVENT, {"plan": "free", "on": False})
