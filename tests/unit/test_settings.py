"""Settings: where values come from, and what an operator reads when they are wrong."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import Field, SecretStr, model_validator

from app.destinations import ACCOUNTS
from app.settings import DestinationSettings, Settings, SettingsError, load
from app.settings.filters import FilterSettings

ROOT = Path(__file__).parents[2]
SECRET = "sk_live.never-shown"

GOOD = """
store_url = "redis://localhost:6379/0"
[sources.web]
write_key = "w"
destinations = ["parrot"]
[destinations.parrot]
kind = "parrot"
api_key = "sk_test.a"
"""


class Parrot(DestinationSettings):
    api_key: SecretStr
    words: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_host(self) -> "Parrot":
        if self.base_url is None and not self.api_key.get_secret_value().startswith("sk_"):
            raise ValueError("api_key: expected it to begin with sk_; set base_url for another")
        return self


def settings(toml: str, folder: Path, **variables: str) -> Settings:
    file = folder / "relay.toml"
    file.write_text(toml)
    environ = {f"RELAY_{name}": value for name, value in variables.items()}
    return load({"parrot": Parrot}, path=file, environ=environ)


def faults(toml: str, folder: Path, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        settings(toml, folder, **variables)
    assert str(refused.value) == "\n".join(refused.value.faults)
    return [fault.replace(f"{folder}/", "") for fault in refused.value.faults]


def test_a_file_with_a_source_and_a_destination_is_enough(tmp_path: Path) -> None:
    made = settings(GOOD, tmp_path)
    assert made.sources["web"].destinations == ("parrot",)
    assert made.broker_url == made.store_url == SecretStr("redis://localhost:6379/0")
    parrot = made.destinations["parrot"]
    assert isinstance(parrot, Parrot)
    assert (parrot.queue, parrot.rate, parrot.burst, parrot.api_key.get_secret_value()) == (
        "parrot",
        None,
        1,
        "sk_test.a",
    )


def test_the_environment_is_enough() -> None:
    environ = {
        "RELAY_STORE_URL": "redis://localhost",
        "RELAY_SOURCES__web__WRITE_KEY": "w",
        "RELAY_SOURCES__web__DESTINATIONS": '["parrot"]',
        "RELAY_DESTINATIONS": '{"parrot": {"kind": "parrot", "api_key": "sk_test.a"}}',
    }
    made = load({"parrot": Parrot}, path=None, environ=environ)
    assert made.destinations["parrot"].kind == "parrot"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    made = settings(
        GOOD + "rate = 5\nconcurrency = 3",
        tmp_path,
        DESTINATIONS__parrot__RATE="50.5",
        DESTINATIONS__parrot__RETRY__WAIT_MAX="1h",
        DESTINATIONS__parrot__WORDS='{"plan.Name": "Plan"}',
        SOURCES__web__DESTINATIONS="parrot,",
    )
    parrot = made.destinations["parrot"]
    assert isinstance(parrot, Parrot)
    assert (parrot.rate, parrot.burst, parrot.concurrency) == (50.5, 51, 3)
    assert parrot.retry.wait_max == timedelta(hours=1)
    assert parrot.words == {"plan.Name": "Plan"}


def test_relay_config_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(GOOD)
    made = load({"parrot": Parrot}, environ={"RELAY_CONFIG": str(file)})
    assert list(made.destinations) == ["parrot"]


def test_a_file_that_relay_config_names_must_exist(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    with pytest.raises(SettingsError) as refused:
        load({"parrot": Parrot}, environ={"RELAY_CONFIG": str(file)})
    expected = "expected a file of settings (RELAY_CONFIG names it)"
    assert refused.value.faults == (f"{file}: {expected}; No such file or directory",)


def test_invalid_toml_is_named_with_line_and_column(tmp_path: Path) -> None:
    assert faults("a = 1\nb = = 2", tmp_path) == [
        "relay.toml: expected TOML; Invalid value (at line 2, column 5)"
    ]


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    held = tmp_path / "key"
    held.write_text("  from-a-file\n")
    toml = GOOD.replace('write_key = "w"', f'write_key_file = "{held}"')
    assert settings(toml, tmp_path).sources["web"].write_key == SecretStr("from-a-file")


def test_a_secret_of_the_environment_overrides_the_file_s_in_either_form(tmp_path: Path) -> None:
    held = tmp_path / "key"
    held.write_text("from-a-file")
    by_file = settings(GOOD, tmp_path, SOURCES__web__WRITE_KEY_FILE=str(held))
    toml = GOOD.replace('write_key = "w"', 'write_key_file = "/none"')
    by_value = settings(toml, tmp_path, SOURCES__web__WRITE_KEY="given")
    assert by_file.sources["web"].write_key == SecretStr("from-a-file")
    assert by_value.sources["web"].write_key == SecretStr("given")


def test_a_secret_s_file_must_be_there_alone_and_hold_something(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert faults(
        GOOD.replace('write_key = "w"', 'write_key = "w"\nwrite_key_file = "/none"'),
        tmp_path,
        STORE_URL_FILE="/none",
        SENTRY_DSN_FILE=str(empty),
        SOURCES__web__WEBHOOK_SECRET_FILE=SECRET,
    ) == [
        "RELAY_STORE_URL_FILE: expected a file that can be read; /none: No such file or directory",
        "RELAY_SENTRY_DSN_FILE: expected a secret; empty is empty",
        "relay.toml: sources.web.write_key: expected write_key or write_key_file; found both",
        "RELAY_SOURCES__web__WEBHOOK_SECRET_FILE: expected a file that can be read; "
        "the file that it names: No such file or directory",
    ]


def test_production_has_no_defaults(tmp_path: Path) -> None:
    assert faults("", tmp_path) == [
        "relay.toml: destinations: expected at least one [destinations.<id>]; found none",
        "relay.toml: sources: expected at least one [sources.<id>]; found none",
        "relay.toml: store_url: expected a value; found none "
        "(set store_url, store_url_file or RELAY_STORE_URL; no default)",
    ]


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    toml = GOOD + 'rate = 0\nbase_url = "ftp://x"\n[sources.app]\nwrite_key = ""\n'
    assert faults(toml, tmp_path, DESTINATIONS__parrot__PUMPS="0", LOG_FORMAT="xml") == [
        "relay.toml: destinations.parrot.base_url: expected http:// or https:// and a host; "
        'found "ftp://x"',
        "relay.toml: destinations.parrot.rate: expected more than 0; found 0",
        'RELAY_DESTINATIONS__parrot__PUMPS: expected at least 1; found "0"',
        "relay.toml: sources.app.write_key: expected a text, not empty, in one line, "
        "no spaces around it; found an empty string",
        "relay.toml: sources.app.destinations: expected a value; found none "
        "(set destinations or RELAY_SOURCES__app__DESTINATIONS; no default)",
        "RELAY_LOG_FORMAT: expected 'json' or 'console'; found \"xml\"",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('partitions = "x"', 'partitions: expected a whole number; found "x"'),
        ("partitions = 1025", "partitions: expected at most 1024; found 1025"),
        ("concurrency = 65", "concurrency: expected at most 64; found 65"),
        ("burst = 0", "burst: expected at least 1; found 0"),
        ("rate = true", "rate: expected neither true nor false; found true"),
        ("rate = inf", "rate: expected a finite number; found Infinity"),
        (
            'queue = "A b"',
            "queue: expected 1 to 63 of a-z, 0-9, - and _, the first a letter or a digit; "
            'found "A b"',
        ),
        ('dedupe_window = "23h"', "dedupe_window: expected at least 1 day; found 23h"),
        ("deadline = 0", "deadline: expected more than 0; found 0"),
        ("deadline = 61", "deadline: expected at most 1 minute; found 61s"),
        (
            'retry.wait_initial = "1h"',
            "retry.wait_max: expected at least wait_initial, 1h; found 15m",
        ),
        ("retry.attempts_max = 0", "retry.attempts_max: expected at least 1; found 0"),
        (
            'retry.wait_max = "9ms"',
            'retry.wait_max: expected at least wait_initial, 1s; found "9ms"',
        ),
        (
            'base_url = "http://a:b@c"',
            "base_url: expected a URL without credentials, query and fragment; "
            'found "http://***@c"',
        ),
        ("base_url = 7", "base_url: expected a text; found 7"),
        ("retry = 7", "retry: expected a table; found 7"),
        ("bursts = 7", "bursts: unknown setting; did you mean burst?"),
        ("api_key_fil = 7", "api_key_fil: unknown setting; did you mean api_key_file?"),
        ("retry.age = 7", "retry.age: unknown setting; did you mean age_max?"),
        ("id = 7", "id: unknown setting"),
        ("filters = 7", "filters: expected a list; found 7"),
        (
            'filters = [{events = ["Test *"]}]',
            "filters[0].send: expected a value; found none (set send; no default)",
        ),
        (
            'filters = [{send = false, event = ["a"]}]',
            "filters[0].event: unknown setting; did you mean events?",
        ),
        (
            'filters = [{send = false, events = "a"}]',
            'filters[0].events: expected a list; found "a"',
        ),
        (
            "filters = [{send = false, types = []}]",
            "filters[0].types: expected something; leave it out where all will do; "
            "found an empty list",
        ),
        (
            "filters = [{send = false, properties = {a = [1]}}]",
            "filters[0].properties.a: expected a text, a number, true or false; found a list",
        ),
        (
            'filters = [{send = false, properties = {"a..b" = 1}}]',
            "filters[0].properties: expected paths in dot notation, such as object.name; "
            'found "a..b"',
        ),
        (
            'filters = [{send = false}, {send = true, events = ["a"]}]',
            "filters: expected a filter without conditions to be the last, for none behind it is "
            "reached; found it as number 1 of 2",
        ),
        (
            "deliver_from = 2026-06-01T00:00:00",
            "deliver_from: expected a moment with its zone, such as 2026-06-01T00:00:00Z; "
            "found 2026-06-01T00:00:00",
        ),
        (
            'deliver_from = "soon"',
            "deliver_from: expected a moment with its zone, such as 2026-06-01T00:00:00Z; "
            'found "soon"',
        ),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(line: str, fault: str, tmp_path: Path) -> None:
    found = faults(f"{GOOD}\n{line}", tmp_path)
    assert found == [f"relay.toml: destinations.parrot.{fault}"]


def test_an_unknown_kind_lists_those_that_there_are(tmp_path: Path) -> None:
    toml = GOOD.replace('kind = "parrot"', 'kind = "parot"\npumps = 0')
    assert faults(toml, tmp_path, DESTINATIONS__parot__RATE="5") == [
        'relay.toml: destinations.parrot.kind: expected one of: parrot; found "parot"; '
        "did you mean parrot?",
        "relay.toml: destinations.parrot.pumps: expected at least 1; found 0",
        "RELAY_DESTINATIONS__parot__KIND: expected one of: parrot; found none; "
        "did you mean the destination parrot?",
    ]


def test_ids_are_lower_case(tmp_path: Path) -> None:
    assert faults(GOOD, tmp_path, DESTINATIONS__PARROT__RATE="5") == [
        "RELAY_DESTINATIONS__PARROT__RATE: expected 1 to 63 of a-z, 0-9, - and _, "
        'the first a letter or a digit; found "PARROT"; did you mean parrot?'
    ]


def test_a_source_names_destinations_that_exist_and_each_once(tmp_path: Path) -> None:
    toml = GOOD + '[sources.app]\nwrite_key = "a"\ndestinations = ["parot"]\n'
    assert faults(toml, tmp_path, SOURCES__web__DESTINATIONS="parrot,parrot") == [
        'RELAY_SOURCES__web__DESTINATIONS: expected each destination once; found "parrot,parrot"',
        "relay.toml: sources.app.destinations: expected ids of destinations (parrot); "
        'found "parot"; did you mean parrot?',
    ]


def test_two_sources_never_share_a_write_key(tmp_path: Path) -> None:
    toml = GOOD + '[sources.app]\nwrite_key = "w"\ndestinations = ["parrot"]\n'
    assert faults(toml, tmp_path) == [
        "relay.toml: sources.app.write_key: expected a key of its own; "
        "found that of the source web"
    ]


def test_what_a_kind_demands_itself_is_named_with_its_place(tmp_path: Path) -> None:
    assert faults(GOOD, tmp_path, DESTINATIONS__parrot__API_KEY="other") == [
        "relay.toml: destinations.parrot: api_key: expected it to begin with sk_; "
        "set base_url for another"
    ]


def test_an_unknown_variable_is_a_fault_unless_kubernetes_sets_it(tmp_path: Path) -> None:
    kubernetes = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT_HTTP": "80",
        "PORT": "tcp://10.0.0.1:80",
        "PORT_80_TCP_ADDR": "10.0.0.1",
        "STORE_SERVICE_PORT": "6379",
    }
    assert faults(GOOD, tmp_path, **kubernetes, STORE_URI="x", PORTS="80") == [
        "RELAY_PORTS: unknown setting",
        "RELAY_STORE_URI: unknown setting; did you mean store_url?",
    ]


def test_filters_and_the_cut_over_may_stand_in_the_environment(tmp_path: Path) -> None:
    made = settings(
        GOOD,
        tmp_path,
        DESTINATIONS__parrot__FILTERS='[{"send": false, "properties": {"a.b": true}}]',
        DESTINATIONS__parrot__DELIVER_FROM="2026-06-01T02:00:00+02:00",
    )
    parrot = made.destinations["parrot"]
    assert parrot.filters == (FilterSettings(send=False, properties={"a.b": True}),)
    assert parrot.deliver_from == datetime(2026, 6, 1, tzinfo=UTC)


def test_a_table_in_the_environment_is_a_json_object(tmp_path: Path) -> None:
    assert faults(
        GOOD,
        tmp_path,
        DESTINATIONS__parrot='{"rate": 0}',
        DESTINATIONS__parrot__RETRY="7",
        DESTINATIONS__parrot__WORDS='{"a"',
    ) == [
        "RELAY_DESTINATIONS__parrot__RETRY: expected a JSON object",
        "RELAY_DESTINATIONS__parrot: rate: expected more than 0; found 0",
        "RELAY_DESTINATIONS__parrot__WORDS: expected JSON; it breaks at column 5; "
        'found "{\\"a\\""',
    ]


@pytest.mark.parametrize("wrong", [SECRET + " ", SECRET + "\u0007", f"{{{SECRET}", f"[{SECRET}"])
def test_a_secret_is_never_shown(wrong: str, tmp_path: Path) -> None:
    found = faults(
        GOOD,
        tmp_path,
        STORE_URL=f"http://:{SECRET}@localhost",
        BROKER_URL=SECRET,
        SENTRY_DSN=SECRET,
        SOURCES__web=f'["{SECRET}"]',
        SOURCES__app__WRITE_KEY=wrong,
        DESTINATIONS__parrot__API_KEY=wrong,
        DESTINATIONS__parrot__API_KEY_FILE=wrong,
        DESTINATIONS__parrot__BASE_URL=f"https://user:{SECRET}@host",
    )
    assert SECRET not in "\n".join(found)
    assert len(found) >= 6


def test_a_write_key_in_the_place_of_its_source_is_not_shown_either(tmp_path: Path) -> None:
    toml = f'sources.web = "{SECRET}"\ndestinations = ["{SECRET}"]'
    found = faults(toml, tmp_path)
    assert found[:2] == [
        "relay.toml: destinations: expected a table; found a list",
        "relay.toml: sources.web: expected a table; found a text",
    ]
    assert SECRET not in "\n".join(found)


def test_settings_print_without_their_secrets(tmp_path: Path) -> None:
    made = settings(
        GOOD,
        tmp_path,
        STORE_URL=f"redis://:{SECRET}@localhost",
        SOURCES__web__WRITE_KEY=SECRET,
        DESTINATIONS__parrot__API_KEY=SECRET,
    )
    assert SECRET not in repr(made) + str(made) + made.model_dump_json()


def test_the_example_is_valid_once_its_secrets_are_there(tmp_path: Path) -> None:
    made = load(ACCOUNTS, path=_example(tmp_path, commented_out=True), environ={})
    assert (list(made.sources), list(made.destinations)) == (["web"], ["kable"])


def test_what_the_example_comments_out_is_valid_and_for_the_most_part_the_default(
    tmp_path: Path,
) -> None:
    plain = load(ACCOUNTS, path=_example(tmp_path, commented_out=True), environ={})
    whole = load(ACCOUNTS, path=_example(tmp_path, commented_out=False), environ={})
    differing = {"rate", "burst", "base_url", "properties_mappings", "reconcile_dimension"}
    differing |= {"filters", "deliver_from"}
    assert whole.destinations["kable"].model_dump(exclude=differing) == plain.destinations[
        "kable"
    ].model_dump(exclude=differing)
    assert whole.destinations["kable"].model_fields_set == set(ACCOUNTS["kable"].model_fields)
    assert whole.model_fields_set == set(Settings.model_fields)
    assert whole.model_dump(include={"request_bytes_max", "store_wait"}) == plain.model_dump(
        include={"request_bytes_max", "store_wait"}
    )


@pytest.mark.parametrize(
    "process",
    [
        "celery -A workers worker",
        "celery -A workers beat",
        "uvicorn --factory app.ingest:application",
    ],
)
def test_a_process_without_good_settings_ends_with_its_faults_alone(
    tmp_path: Path, process: str
) -> None:
    environ = {name: value for name, value in os.environ.items() if "RELAY" not in name}
    environ |= {"RELAY_STORE_URL": "nowhere"}
    command = (sys.executable, "-m", *process.split())
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr.decode().splitlines()) == (
        1,
        [
            "the configuration is refused:",
            "RELAY_DESTINATIONS: expected at least one [destinations.<id>]; found none",
            "RELAY_SOURCES: expected at least one [sources.<id>]; found none",
            "RELAY_STORE_URL: expected a URL such as redis://localhost:6379/0; found a text",
        ],
    )


def _example(folder: Path, *, commented_out: bool) -> Path:
    """The example with its secrets' files in a folder."""
    text = (ROOT / "relay.example.toml").read_text()
    for name in re.findall(r"/run/secrets/(\w+)", text):
        (folder / name).write_text(f"https://{name}@sentry.example/1")
    text = text.replace("/run/secrets", str(folder))
    file = folder / "relay.toml"
    file.write_text(text if commented_out else re.sub(r"(?m)^#(?=[\w\[\"])", "", text))
    return file
