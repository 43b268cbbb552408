"""What app/segment.py reads from an event without changing a byte of it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from app.segment import Event, members, text, value_at

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
WHOLE = b"""{ "type":"track", "messageId":"m1", "userId":"u1",
 "timestamp":"2022-01-09T09:32:01.000Z",
 "properties" : {"price": 1.10,"n":12345678901234567890}, "traits":{"a":1},
 "context":{"groupId":"g1","a.b":{"c":1},"d":{"e.f":1}}, "a.b":2, "list":[{"a":1}]}"""


def bytes_at(event: bytes, path: str) -> bytes | None:
    value = Event.decode(event).value(path)
    return None if value is None else bytes(value)


def test_an_event_tells_its_envelope() -> None:
    event = Event.decode(WHOLE)
    assert (event.type, event.message_id, event.user_id, event.timestamp) == (
        "track",
        "m1",
        "u1",
        "2022-01-09T09:32:01.000Z",
    )


def test_properties_and_traits_keep_the_bytes_of_their_values() -> None:
    event = Event.decode(WHOLE)
    assert {name: bytes(value) for name, value in event.properties.items()} == {
        "price": b"1.10",
        "n": b"12345678901234567890",
    }
    assert {name: bytes(value) for name, value in event.traits.items()} == {"a": b"1"}


@pytest.mark.parametrize("event", [b"{}", b'{"type":1,"userId":7,"properties":[],"traits":null}'])
def test_what_is_absent_or_of_another_type_is_empty(event: bytes) -> None:
    empty = Event.decode(event)
    assert (empty.type, empty.message_id, empty.timestamp, empty.user_id) == ("", "", "", None)
    assert (empty.properties, empty.traits) == ({}, {})


@pytest.mark.parametrize("event", [b"", b"[]", b"null", b'"a"', b"{", b'{"a":01}', b'{"a":1}x'])
def test_what_is_no_json_object_is_no_event(event: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Event.decode(event)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("userId", b'"u1"'),
        ("context.groupId", b'"g1"'),
        ("properties.price", b"1.10"),
        ("a.b", b"2"),
        ("context.a.b", b'{"c":1}'),
        ("context.a.b.c", None),
        ("context.d.e.f", b"1"),
        ("list", b'[{"a":1}]'),
        ("list.0", None),
        ("list.a", None),
        ("userId.x", None),
        ("properties.", None),
        (".userId", None),
        ("missing", None),
        ("missing.too", None),
        ("", None),
    ],
)
def test_a_path_leads_from_the_root_of_the_event(path: str, value: bytes | None) -> None:
    assert bytes_at(WHOLE, path) == value


def test_a_name_with_dots_comes_before_a_path() -> None:
    assert bytes_at(b'{"a.b":1,"a":{"b":2}}', "a.b") == b"1"
    assert bytes_at(b'{"x":{"a.b":1,"a":{"b":2}}}', "x.a.b") == b"1"


def test_the_last_of_two_members_with_one_name_counts() -> None:
    assert bytes_at(b'{"a":1,"a":2}', "a") == b"2"


@given(event=st.dictionaries(st.text(), JSON))
def test_every_value_survives(event: dict[str, Any]) -> None:
    fields = Event.decode(json.dumps(event).encode()).fields
    assert {name: json.loads(bytes(value)) for name, value in fields.items()} == event


@given(event=st.dictionaries(st.text(max_size=3), JSON), path=st.text("ab.", max_size=6))
def test_any_path_leads_to_a_value_or_nowhere(event: dict[str, Any], path: str) -> None:
    found = value_at(Event.decode(json.dumps(event).encode()).fields, path)
    assert found is None or json.loads(bytes(found)) == walked(event, path)


@given(value=JSON)
def test_text_and_members_take_only_their_own_type(value: object) -> None:
    raw = Raw(json.dumps(value).encode())
    inner = members(raw)
    assert text(raw) == (value if isinstance(value, str) else None)
    assert (inner and inner.keys()) == (
        value and value.keys() if isinstance(value, dict) else None
    )


def walked(value: dict[str, Any], path: str) -> object:
    name, _, rest = path.partition(".")
    return value[path] if path in value else walked(value[name], rest)
