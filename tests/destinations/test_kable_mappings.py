"""Kable gets every property, whatever it is, changed by nothing but the mapping."""

import json
from collections.abc import Iterator, Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from app.destination import Item
from app.destinations.kable import KABLE, KableAccount
from app.segment import Event

Tree = dict[str, object]

NAMES = st.sampled_from(["a", "b", "n", "a.b", "b.n", "", " ", '"\\', "é", "💡", "\x00"])
NUMBERS = ["0", "-0.0", "1.10", "1e400", "1E-7", "18446744073709551616", "-" + "9" * 40]


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def exact(written: str | bytes) -> Tree:
    """The JSON with its numbers as they are written."""
    found: Tree = json.loads(written, parse_int=Number, parse_float=Number)
    return found


def object_of(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)} :{value}" for name, value in members.items()) + "}"


LEAVES = (
    st.sampled_from([*NUMBERS, "true", "false", "null", "{}", "[]", '"\\u00e9\\/\\n"'])
    | st.text(st.characters(exclude_categories=["Cs"])).map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"])).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    )
)
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES,
        lambda inner: (
            st.dictionaries(NAMES, inner, max_size=3).map(object_of)
            | st.lists(inner, max_size=3).map(lambda items: "[" + " ,".join(items) + "]")
        ),
        max_leaves=12,
    ),
    max_size=5,
).map(object_of)


def paths(tree: Tree, before: str = "") -> Iterator[str]:
    """Every path to a property, nested or not."""
    for name, value in tree.items():
        yield before + name
        if isinstance(value, dict):
            yield from paths(value, f"{before}{name}.")


@st.composite
def mapped(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Properties, and mappings of paths that are there and of others."""
    written = draw(OBJECTS)
    there = [path for path in paths(exact(written)) if path]
    elsewhere = st.lists(NAMES, min_size=2, max_size=3).map(".".join)
    path = st.sampled_from(there) | elsewhere if there else elsewhere
    return written, draw(st.dictionaries(path, NAMES.filter(bool), max_size=4))


def data(written: str, mappings: Mapping[str, str]) -> Tree:
    """What Kable gets for these properties."""
    event = (
        '{"type":"track","userId":"u","messageId":"m","timestamp":"2026-01-02T03:04:05.678Z",'
        f'"properties":{written}}}'
    )
    keys = {"id": "kable", "api_key": "sk_test.0.1", "kable_client_id": "kci_1"}
    account = KableAccount.model_validate({**keys, "properties_mappings": mappings})
    item = KABLE.transform(Event.decode(event.encode()), account)
    assert isinstance(item, Item), item
    found = exact(item.body)["data"]
    assert isinstance(found, dict)
    return found


def found_at(tree: Tree, path: str) -> tuple[str, ...] | None:
    """The names that lead to a property; one whose own name has dots comes first."""
    if path in tree:
        return (path,)
    name, _, rest = path.partition(".")
    inner = tree.get(name)
    deeper = found_at(inner, rest) if rest != path and isinstance(inner, dict) else None
    return (name, *deeper) if deeper else None


def without(tree: Tree, gone: set[tuple[str, ...]], before: tuple[str, ...] = ()) -> Tree:
    """The tree less these places, and less the parents that this leaves empty."""
    kept: Tree = {}
    for name, value in tree.items():
        place = (*before, name)
        if place in gone:
            continue
        rest = without(value, gone, place) if isinstance(value, dict) else value
        if rest or not value:
            kept[name] = rest
    return kept


def value_at(tree: object, place: tuple[str, ...]) -> object:
    for name in place:
        assert isinstance(tree, dict)
        tree = tree[name]
    return tree


@given(OBJECTS)
def test_without_a_mapping_every_property_passes_as_it_is_written(written: str) -> None:
    assert data(written, {}) == exact(written)


@given(mapped())
@example(('{"a": {"b": 1}, "a.b": 2}', {"a.b": "n"}))
@example(('{"a": {"b": 1, "n": {}}}', {"a.b": "a", "a": "b"}))
@example(('{"a": {"": 1}, "": {"a": 2}}', {"a.": "x", ".a": "y"}))
def test_a_mapping_moves_what_it_names_and_changes_nothing_else(
    one: tuple[str, dict[str, str]],
) -> None:
    written, mappings = one
    came = exact(written)
    moves = {key: place for path, key in mappings.items() if (place := found_at(came, path))}
    sources = {place for path in mappings if (place := found_at(came, path))}
    moved = {key: value_at(came, place) for key, place in moves.items()}
    assert data(written, mappings) == without(came, sources) | moved


@given(st.lists(NAMES.filter(lambda name: name and "." not in name), min_size=1), LEAVES)
@example(["a"] * 190, "1.10")
def test_a_property_is_found_however_deep_it_lies(names: list[str], leaf: str) -> None:
    written = leaf
    for name in reversed(names):
        written = object_of({name: written, "beside": "1"})
    assert data(written, {".".join(names): "deep"})["deep"] == exact(f'{{"":{leaf}}}')[""]
