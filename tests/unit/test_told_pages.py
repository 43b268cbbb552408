"""What the pages of rejections, settings and actions show."""

import re
from pathlib import Path

from app.console.codes import CODES
from app.console.pages.actions import begun, row
from app.console.pages.rejections import Sample, rows, told
from app.console.pages.settings import tables
from app.counters import Tally
from app.settings.told import Told

SOURCES = Path(__file__).parents[2] / "docs" / "sources.md"
TALLIES = {"web": Tally(0, 0, 0, {"a": 1, "no_user_anon_id": 5}), "app": Tally(0, 0, 0, {})}


def test_every_code_of_the_reference_is_explained_and_no_other() -> None:
    section = SOURCES.read_text().split("## What is refused")[1].split("##")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(CODES) == sorted(re.findall(r"`(\w+)`", " ".join(first)))


def test_what_was_refused_most_comes_first_with_its_meaning() -> None:
    found = [(one["code"], one["events"], str(one["meaning"])[:28]) for one in rows(TALLIES, "")]
    assert found == [
        ("no_user_anon_id", "5", "Neither userId nor anonymous"),
        ("a", "1", "Another version of the relay"),
    ]
    assert rows(TALLIES, "app") == []


def test_a_sample_is_told_also_when_it_is_none() -> None:
    assert told([b'{"at":"t","message":"m","event":"{}"}', b"\xff"]) == [
        Sample("t", "m", "{}"),
        Sample(event="\ufffd"),
    ]


def test_settings_are_told_by_table_and_a_secret_only_that_it_is_set() -> None:
    settings = [
        Told("environment", "production", "", False, "default", ""),
        Told("destinations.kable.retry.age_max", "1d", "", False, "file", "relay.toml"),
        Told("sources.web.write_key", "***", "", True, "environment", "RELAY_X"),
    ]
    found = tables(settings, only_set=True)
    shown = {name: [tuple(row.values())[1:] for row in rows] for name, rows in found.items()}
    assert shown == {
        "destinations.kable": [("retry.age_max", "1d", "relay.toml")],
        "sources.web": [("write_key", "set, and not shown", "RELAY_X")],
    }
    assert list(tables(settings, only_set=False)) == ["General", *found]


def test_an_action_is_told_with_its_moment_and_its_destination() -> None:
    item = {"destination": "kable", "at": "2026-01-02T03:04:05.678Z", "what": "paused"}
    shown = row({**item, "about": "x"})
    assert (shown["at"], shown["there"]) == ("2026-01-02 03:04:05", "/destinations/kable")


def test_a_wrong_cursor_is_told() -> None:
    assert begun("x") == (None, "cursor: expected the cursor of a page of actions; found 'x'")
