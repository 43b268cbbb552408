"""What an operator may see of the settings: each value, its unit, its place, and no secret."""

from pathlib import Path

import pytest

from app.destinations import ACCOUNTS
from app.settings import load
from app.settings.told import Told, changed, told
from app.settings.written import read

SECRETS = ("hunter2", "tok-ann", "wk-web", "sk_test.abcdefgh.secret", "sentry-key", "whsec")
FILE = """
store_url = "redis://:hunter2@store.example:6390/0?password=hunter2"
sentry_dsn = "https://sentry-key@sentry.example/1"
[sources.web]
write_key = "wk-web"
webhook_secret = "whsec"
destinations = ["kable"]
[operators.ann]
token_file = "{folder}/token"
read_only = true
[destinations.kable]
kind = "kable"
base_url = "http://127.0.0.1:1/kable"
api_key = "sk_test.abcdefgh.secret"
kable_client_id = "kci"
rate = 50
properties_mappings = {{ plan = "p" }}
[[destinations.kable.filters]]
events = ["Test *"]
send = false
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Told]:
    return {one.name: one for one in read_from(tmp_path)}


def read_from(folder: Path, **variables: str) -> list[Told]:
    (folder / "token").write_text("tok-ann")
    file = folder / "relay.toml"
    file.write_text(FILE.format(folder=folder))
    environ = {"RELAY_DESTINATIONS__kable__PUMPS": "3", **variables}
    return told(load(ACCOUNTS, path=file, environ=environ), read(file, environ))


def test_a_setting_tells_its_value_its_unit_and_its_place(
    settings: dict[str, Told], tmp_path: Path
) -> None:
    file = f"{tmp_path}/relay.toml"
    variable = "RELAY_DESTINATIONS__kable__PUMPS"
    assert [settings[f"destinations.kable.{name}"] for name in ("rate", "pumps", "deadline")] == [
        Told("destinations.kable.rate", "50", "events a second", False, "file", file),
        Told("destinations.kable.pumps", "3", "pumps at once", False, "environment", variable),
        Told("destinations.kable.deadline", "15s", "", False, "default", ""),
    ]


def test_a_secret_is_masked_and_says_which_setting_names_its_file(
    settings: dict[str, Told], tmp_path: Path
) -> None:
    place = f"{tmp_path}/relay.toml: token_file"
    token = Told("operators.ann.token", "***", "", True, "file", place)
    assert settings["operators.ann.token"] == token


def test_no_secret_is_in_what_is_told(settings: dict[str, Told]) -> None:
    whole = repr(settings)
    assert [secret for secret in SECRETS if secret in whole] == []


def test_of_the_store_the_host_is_shown(settings: dict[str, Told]) -> None:
    assert settings["store_url"].value == "redis://***@store.example:6390"


def test_what_is_no_word_stands_as_json(settings: dict[str, Told]) -> None:
    names = ("filters", "properties_mappings", "deliver_from", "retry.age_max")
    assert [settings[f"destinations.kable.{name}"].value for name in names] == [
        '[{"send": false, "events": ["Test *"]}]',
        '{"plan": "p"}',
        "none",
        "1d",
    ]


def test_every_number_says_what_it_counts(settings: dict[str, Told]) -> None:
    numbers = [one for one in settings.values() if one.value.replace(".", "").isdigit()]
    assert [one.name for one in numbers if not one.unit] == []


def test_two_readings_name_what_differs(tmp_path: Path) -> None:
    before = read_from(tmp_path)
    now = read_from(tmp_path, RELAY_STORE_WAIT="9s")
    assert changed(now, before) == ["store_wait"]
