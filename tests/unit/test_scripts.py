"""What every Lua script and every key keeps to."""

import re

import pytest
import redis

from app import scripts
from app.keys import DESTINATION_KEYS, SourceKeys, destination_key

NAMES = sorted(path.stem for path in scripts.FOLDER.glob("*.lua") if path.stem != "prelude")


def hash_tag(key: str) -> str:
    return key[key.index("{") + 1 : key.index("}")]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_begins_with_its_flags_and_says_what_it_does(name: str) -> None:
    flags, *header = (scripts.FOLDER / f"{name}.lua").read_text().splitlines()
    assert re.fullmatch(r"#!lua( flags=(allow-oom|no-writes))?", flags)
    for word in ("-- KEYS ", "-- ARGV ", "-- Returns "):
        assert any(line.startswith(word) for line in header)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_uses_the_keys_of_its_header_and_no_others(name: str) -> None:
    body = (scripts.FOLDER / f"{name}.lua").read_text()
    used = {int(number) for number in re.findall(r"KEYS\[(\d+)\]", body)}
    assert used == set(range(1, len(scripts.keys(name)) + 1))
    assert set(scripts.keys(name)) <= set(DESTINATION_KEYS)


@pytest.mark.parametrize("name", NAMES)
def test_all_keys_of_a_script_share_a_slot_of_a_cluster(name: str) -> None:
    assert {hash_tag(destination_key("kable", key)) for key in scripts.keys(name)} == {"kable"}


@pytest.mark.parametrize("name", NAMES)
def test_the_store_takes_every_script_under_the_name_that_it_is_called_by(
    store: redis.Redis, name: str
) -> None:
    assert store.script_load(scripts.source(name)) == scripts.digest(name)


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        destination_key("kable", "lgo:")


def test_a_source_keeps_its_keys_under_a_tag_that_no_destination_can_have() -> None:
    assert hash_tag(SourceKeys("web").counts) == "source:web"
