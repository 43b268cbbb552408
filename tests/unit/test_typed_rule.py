"""A rule that is typed means what the form shows."""

import pytest

from app.console.rules.typed import Condition, TypedRule, condition
from app.mapping import BadRule, Rule


def test_the_text_5_is_not_the_number_5() -> None:
    typed = TypedRule("pdf", "", (Condition("a", "text", "5"), Condition("b", "number", "5")))
    assert typed.rule("r").properties == {"a": "5", "b": 5}
    assert [one.json for one in typed.conditions] == ['"5"', "5"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"5"', Condition("p", "text", "5")),
        ("5", Condition("p", "number", "5")),
        ("1e400", Condition("p", "text", "1e400")),
        ("false", Condition("p", "true or false", "false")),
        ('"a\\"b"', Condition("p", "text", 'a"b')),
        ("free", Condition("p", "text", "free")),
    ],
)
def test_a_group_says_the_sort_of_its_value(value: str, expected: Condition) -> None:
    assert condition("p", value) == expected


def test_what_is_left_empty_is_no_condition_and_no_name() -> None:
    assert TypedRule("pdf", "Export", (Condition(),)).rule("r") == Rule(
        id="r", feature="pdf", event="Export"
    )


@pytest.mark.parametrize(
    ("typed", "faults"),
    [
        (
            TypedRule("f", "", (Condition(), Condition("p", "number", "five"))),
            {"conditions.1": "expected a number such as 5 or 0.25; found 'five'"},
        ),
        (
            TypedRule("f", "", (Condition("p", "true or false", "1"),)),
            {"conditions.0": "expected true or false; found '1'"},
        ),
        (
            TypedRule("f", "", (Condition("p", "text", "a"), Condition("p", "text", "b"))),
            {"conditions.1": "expected each path once; found p twice"},
        ),
        (
            TypedRule("f", "", (Condition("a..b", "text", "x"),)),
            {"conditions.0": "expected a path in dot notation, such as object.name"},
        ),
        (
            TypedRule("", "Export"),
            {"feature": "expected a text that is not empty; found an empty one"},
        ),
        (TypedRule("f"), {"": "expected an event, a property, or both; found no condition"}),
    ],
)
def test_a_fault_names_its_field(typed: TypedRule, faults: dict[str, str]) -> None:
    with pytest.raises(BadRule) as refused:
        typed.rule("r")
    assert refused.value.faults == faults


def test_a_trial_needs_no_feature() -> None:
    assert TypedRule(event="Export").trial().event == "Export"
