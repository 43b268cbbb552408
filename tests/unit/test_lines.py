"""What came from outside is put into lines, and compared, within a bound."""

import json

import pytest

from app.console.lines import COMPARED_MAX, differences, pretty


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def numbers(count: int) -> bytes:
    return json.dumps({"a": list(range(count))}).encode()


def test_an_event_is_put_into_lines_with_its_values_untouched() -> None:
    assert pretty(b'{"n":12345678901234567890123,"e":1.10e5,"t":"\\u00e9"}') == (
        '{\n  "n": 12345678901234567890123,\n  "e": 1.10e5,\n  "t": "\\u00e9"\n}'
    )


@pytest.mark.parametrize("text", ['{"n":1.1', nested(1_500), f"[{','.join([nested(900)] * 17)}]"])
def test_what_was_cut_or_nests_too_deep_stays_as_it_came(text: str) -> None:
    assert pretty(text) == text
    assert pretty(b"\xff" + text.encode()) == f"\ufffd{text}"


def test_an_edit_is_shown_by_the_lines_that_differ() -> None:
    found = differences(b'{"a":1,"b":2}', b'{"a":1,"b":3}')
    assert found is not None
    assert found[-3:] == [("removed", '-  "b": 2'), ("added", '+  "b": 3'), ("same", " }")]


def test_events_of_more_lines_than_can_be_compared_at_once_are_not() -> None:
    most = COMPARED_MAX - 4  # without the lines around the numbers
    assert differences(numbers(most), numbers(most - 1)) is not None
    assert differences(numbers(most + 1), b"{}") is None
    assert differences(b"{}", numbers(most + 1)) is None
