"""An operator makes rules, tries them before, and looks at what is unmapped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs
from typer.testing import CliRunner

from app.actions import Actions
from app.append import Admission
from app.cli import relay
from app.destinations import ACCOUNTS, KINDS
from app.log import Log
from app.moves import Leased, Reading
from app.settings import SettingsError, load
from app.unmapped import Remapping
from app.verdict import parked

Run = Callable[..., tuple[int, str]]

HEADER = (
    '[sources.web]\nwrite_key = "one"\ndestinations = ["kana"]\n'
    '[destinations.kana]\nkind = "kana"\napi_key = "prv_test_x"\n'
)
RULE = (
    '[[destinations.kana.rules]]\nid = "pdfs"\nfeature = "pdfs"\nproperties = {format = "pdf"}\n'
)


@pytest.fixture
def config(store_url: str, tmp_path: Path) -> Path:
    written = tmp_path / "relay.toml"
    written.write_text(f'store_url = "{store_url}"\n{HEADER}')
    return written


@pytest.fixture
def run(config: Path) -> Run:
    def invoked(*words: str) -> tuple[int, str]:
        with capture_logs():
            result = CliRunner().invoke(relay, [*words, "--config", str(config)])
        return result.exit_code, result.stdout + result.stderr

    return invoked


def shown(run: Run, *words: str) -> Any:  # noqa: ANN401 - JSON
    code, output = run(*words, "--json")
    assert code == 0, output
    return json.loads(output)


@pytest.fixture
def unmapped(store: redis.Redis, config: Path) -> list[str]:
    """Three unmapped events, the newest first."""
    account = load(ACCOUNTS, path=config, environ={}).destinations["kana"]
    log, names = Log(store, account), ["m-1", "m-2", "m-3"]
    for number, name in enumerate(names, 1):
        properties = {"format": "pdf" if number > 1 else "csv", "of": {"pages": number}}
        fields = {"type": "track", "event": "Export", "userId": "u", "properties": properties}
        log.append([Admission(name, "web", "u", json.dumps(fields).encode())])
    leased = log.lease("pump", 64)
    assert isinstance(leased, Leased)
    heads = log.heads("pump", [Reading(p, "", 9, 0) for p in leased.partitions]).heads
    log.settle("pump", 1, [parked(head) for head in heads])
    return names[::-1]


@pytest.mark.usefixtures("unmapped")
def test_a_rule_is_tried_made_listed_and_removed(run: Run, store: redis.Redis) -> None:
    pdf = ("--event", "Export", "--property", "format=pdf")
    trial = shown(run, "rules", "test", *pdf)
    assert (trial["matched"], trial["looked"], trial["total"]) == (2, 3, 3)
    assert [one["message_id"] for one in trial["samples"]] == ["m-3", "m-2"]
    made = shown(run, "rules", "add", "pdfs", *pdf, "--name", "PDFs", "--id", "r1", "--as", "ann")
    [listed] = shown(run, "rules", "list")["items"]
    assert listed == made
    assert made | {"created_at": ""} == {
        "id": "r1",
        "destination": "kana",
        "name": "PDFs",
        "feature": "pdfs",
        "event": "Export",
        "properties": {"format": "pdf"},
        "created_at": "",
        "matches": 0,
    }
    assert run("rules", "add", "pdfs", *pdf, "--id", "r1")[0] == 1
    assert (run("rules", "remove", "r1")[0], run("rules", "remove", "r1")[0]) == (0, 1)
    did = [(one.who, one.what) for one in Actions(store, "kana").newest()]
    assert did[-1] == ("ann", "rule added")
    assert did[0][1] == "rule removed"


def test_what_is_unmapped_is_listed_and_counted(run: Run, unmapped: list[str]) -> None:
    page = shown(run, "unmapped", "list", "--limit", "2")
    rest = shown(run, "unmapped", "list", "--cursor", page["next_cursor"])
    assert [one["message_id"] for one in (*page["items"], *rest["items"])] == unmapped
    groups = shown(run, "unmapped", "groups")
    assert (groups["total"], groups["looked"], groups["uncounted"]) == (3, 3, 0)
    [event] = groups["events"]
    assert (event["event"], event["count"]) == ("Export", 3)
    first = groups["properties"][0]
    assert (first["path"], first["value"], first["count"]) == ("format", "pdf", 2)
    assert {one["path"] for one in groups["properties"]} == {"format", "of.pages"}
    assert "format" in run("unmapped", "groups")[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["rules", "test"], "found no condition"),
        (["rules", "test", "--property", "x"], "expected PATH=VALUE; found x"),
        (["rules", "add", "f", "--property", "a=[1]"], "properties.a: expected a text"),
        (["rules", "add", "f", "--event", "E", "--id", "A B"], "id: expected 1 to 63"),
        (["rules", "add", "f", "--event", "E", "--id", "A"], 'found "A"\n'),
        (["rules", "list", "--destination", "kable"], "destination with mapping rules (kana)"),
        (["unmapped", "list", "--cursor", "x"], "expected a cursor that a page gave"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_means_nothing_is_refused_by_its_name(run: Run, words: list[str], why: str) -> None:
    code, output = run(*words)
    assert (code, why in output) == (2, True), output


def test_rules_of_the_configuration_are_listed_too(
    run: Run, store: redis.Redis, config: Path
) -> None:
    config.write_text(config.read_text() + RULE)
    account = load(ACCOUNTS, path=config, environ={}).destinations["kana"]
    Remapping(store, KINDS["kana"], account).step()
    [listed] = shown(run, "rules", "list")["items"]
    assert (listed["id"], listed["created_at"]) == ("pdfs", None)
    assert "stands in relay.toml" in run("rules", "remove", "pdfs")[1]


@pytest.mark.usefixtures("store")
def test_where_kana_reads_the_events_no_rule_is_made(run: Run, config: Path) -> None:
    mode = 'mode = "segment"\nsegment_key'
    config.write_text(config.read_text().replace("api_key", mode))
    code, output = run("rules", "add", "pdfs", "--event", "Export")
    assert (code, output) == (
        2,
        'relay: no rule applies to kana, which has mode = "segment": Kana reads the events\n',
    )
    assert shown(run, "rules", "list")["items"] == []


@pytest.mark.usefixtures("unmapped")
def test_a_rule_that_is_made_in_a_dry_run_says_what_it_waits_for(run: Run, config: Path) -> None:
    config.write_text(f"{config.read_text()}dry_run = true\n")
    said = run("rules", "add", "pdfs", "--event", "Export", "--id", "r1")[1]
    assert "tried on 3 unmapped events, once the dry run has ended;" in said


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (RULE + RULE, "rules: expected an id of its own for each rule; found pdfs twice"),
        (RULE.replace("pdfs", "PDF", 1), "rules[0].id: expected 1 to 63 of a-z"),
        (RULE.replace("feature", "featur"), "rules[0].featur: unknown setting"),
        (RULE.replace('"pdf"', "[1]"), "expected a text, a number, true or false"),
        (RULE.replace("properties", "#"), "rules[0]: expected an event, a property, or both"),
    ],
)
def test_a_rule_of_the_configuration_is_refused_by_its_field(
    config: Path, written: str, fault: str
) -> None:
    config.write_text(config.read_text() + written)
    with pytest.raises(SettingsError) as refused:
        load(ACCOUNTS, path=config, environ={})
    assert fault in str(refused.value)
