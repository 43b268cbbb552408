"""Which rules an event matches, and what is no rule."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mapping import BadRule, Rule, matching
from app.segment import Event

NAMES = st.sampled_from(["Call", "Search", "call", "é"])
VALUES = st.sampled_from(["pdf", "12", "", True, False, 0, 1, 12, 1.5])
PATHS = st.sampled_from(["format", "object.name", "object.size"])
TEXT_NEEDED = "expected a text that is not empty"


def event(name: str | None, properties: dict[str, object]) -> Event:
    return Event.decode(json.dumps({"event": name, "properties": properties}).encode())


def nested(values: dict[str, object]) -> dict[str, object]:
    inner = {path.removeprefix("object."): v for path, v in values.items() if "." in path}
    return {path: v for path, v in values.items() if "." not in path} | {"object": inner}


@given(
    wanted=st.dictionaries(PATHS, VALUES),
    found=st.dictionaries(PATHS, VALUES | st.none() | st.just([1])),
    named=st.none() | NAMES,
    name=st.none() | NAMES,
)
def test_a_rule_matches_what_meets_every_condition_and_nothing_else(
    wanted: dict[str, object], found: dict[str, object], named: str | None, name: str | None
) -> None:
    if named is None and not wanted:
        return
    rule = Rule.model_validate({"id": "r", "feature": "f", "event": named, "properties": wanted})
    meets = all(
        path in found and type(found[path]) in _alike(value) and found[path] == value
        for path, value in wanted.items()
    )
    expected = [rule] if meets and named in (None, name) else []
    assert matching([rule], event(name, nested(found))) == expected


def _alike(value: object) -> tuple[type, ...]:
    return (
        (bool,) if isinstance(value, bool) else (str,) if isinstance(value, str) else (int, float)
    )


@given(st.lists(NAMES, max_size=6))
def test_several_rules_match_in_their_order(names: list[str]) -> None:
    rules = [Rule(id=f"r{n}", feature="f", event=name) for n, name in enumerate(names)]
    found = matching(rules, event("Call", {}))
    assert found == [rule for rule in rules if rule.event == "Call"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "expected an event, a property, or both; found no condition"),
        ({"event": ""}, f"event: {TEXT_NEEDED}; found an empty one"),
        ({"event": 3}, "event: expected a text; found 3"),
        ({"event": "Call", "feature": " "}, f"feature: {TEXT_NEEDED}; found an empty one"),
        ({"event": "Call", "id": "R 1"}, "id: expected 1 to 63 of a-z, 0-9"),
        ({"properties": {"a": None}}, "properties.a: expected a text, a number, true or false"),
        ({"properties": {"a": [1]}}, "properties.a: expected a text, a number, true or false"),
        ({"properties": {"a..b": 1}}, "properties: expected paths in dot notation"),
        ({"event": "Call", "propertys": {}}, "propertys: unknown field"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_field(fields: dict[str, object], why: str) -> None:
    with pytest.raises(BadRule) as refused:
        Rule.written({"id": "r", "feature": "f"} | fields)
    assert str(refused.value).startswith(why)
