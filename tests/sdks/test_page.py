"""docs/sources.md: its samples send what they show, its tables list what there is."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest
import redis

from app.settings import Settings, SourceSettings
from tests.ingesting import OK, Sender, answered, counts, events
from tests.processes import wait_until
from tests.sdks.browser import page, shown
from tests.sdks.installed import found, node_modules, python_with

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "sources.md").read_text()
FENCE = re.compile(r"^( *)```\w+\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MARKED = re.compile(r"^ *<!-- test: (\S+) -->\n( *)```\w+\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
SAMPLES = {name: dedent(sample) for name, _, sample in MARKED.findall(PAGE)}
SDKS = ["segment-analytics-python", "analytics-python", "rudder-sdk-python"]
COMMANDS = ["curl", "batch", "webhook"]
IN_PAGES = ["browser", "browser-batching", "pixel"]

TRACK = ("track", "customer-1", "API Called", {"calls": 3})

TRACKED = {"type": "track", "userId": "customer-1", "event": "API Called"}

# What is wrong with an event that is refused under each code.
REFUSED = {
    "no_user_anon_id": {"userId": None},
    "id_required": {"type": "group"},
    "id_not_string": {"userId": True},
    "event_not_defined": {"event": None},
    "event_not_string": {"event": 5},
    "properties_not_object": {"properties": "none"},
    "traits_not_object": {"type": "identify", "traits": "none"},
    "name_not_string": {"type": "page", "name": ""},
    "category_not_string": {"type": "screen", "category": 5},
    "event_too_large": {"properties": {"large": "x" * 32768}},
    "bad_request": {"type": "unknown"},
}
REFUSED_ELSEWHERE = {"empty_batch", "not_stored"}

pytestmark = pytest.mark.timeout(120)


def sample(name: str, ingest: Sender) -> str:
    return SAMPLES[name].replace("127.0.0.1:8000", ingest.address.removeprefix("http://"))


def tracked(store: redis.Redis) -> list[tuple[str, str, str, dict[str, object]]]:
    return [
        (event["type"], event["userId"], event["event"], event["properties"])
        for event in events(store)
        if event["type"] == "track"
    ]


def table(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_sample_is_tested() -> None:
    assert len(FENCE.findall(PAGE)) == len(SAMPLES)
    assert sorted(SAMPLES) == sorted([*SDKS, *COMMANDS, *IN_PAGES, "node", "webhook-settings"])


@pytest.mark.parametrize("name", SDKS)
def test_a_sample_in_python_sends_what_it_shows(
    name: str, ingest: Sender, store: redis.Redis
) -> None:
    python = sys.executable if name == "segment-analytics-python" else python_with(name)
    subprocess.run([python, "-c", sample(name, ingest)], check=True, timeout=30)
    assert tracked(store) == [TRACK]


def test_the_sample_for_node_sends_what_it_shows(
    ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules())
    (tmp_path / "sample.mjs").write_text(sample("node", ingest))
    subprocess.run([found("node"), tmp_path / "sample.mjs"], check=True, timeout=30)
    assert tracked(store) == [TRACK]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_sample_for_the_shell_sends_what_it_shows(
    name: str, ingest: Sender, store: redis.Redis
) -> None:
    found("curl"), found("openssl")
    command = ["bash", "-euo", "pipefail", "-c", sample(name, ingest)]
    answer = subprocess.run(command, check=True, timeout=30, capture_output=True, text=True)
    assert answer.stdout == '{"success": true}'
    assert tracked(store) == [TRACK]


@pytest.mark.parametrize("name", ["browser", "browser-batching"])
def test_a_sample_for_the_browser_sends_what_it_shows(
    name: str, ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    with shown(tmp_path, start=page(sample(name, ingest))):
        wait_until(lambda: counts(store, "dev") == {"accepted": 2})
    assert tracked(store) == [TRACK]


def test_the_image_sends_what_it_shows(ingest: Sender, store: redis.Redis, tmp_path: Path) -> None:
    with shown(tmp_path, start=sample("pixel", ingest)):
        wait_until(lambda: counts(store, "dev") == {"accepted": 1})
    assert tracked(store) == [("track", "customer-1", "API Called", {"calls": "3"})]


def test_the_settings_of_a_source_with_webhooks_are_valid() -> None:
    written = tomllib.loads(SAMPLES["webhook-settings"])["sources"]["dev"]
    source = SourceSettings.model_validate({"id": "dev", **written})
    assert source.webhook_secret is not None


def test_what_is_refused_is_refused_under_the_code_that_the_page_gives(
    ingest: Sender, store: redis.Redis
) -> None:
    batch = [TRACKED | fault for fault in REFUSED.values()]
    assert answered(ingest.send_to("/v1/batch", {"batch": batch})) == OK
    assert counts_of_refused(store) == dict.fromkeys(REFUSED, 1)
    codes = {code for row in table("What is refused") for code in re.findall(r"`(\w+)`", row[0])}
    assert codes == REFUSED.keys() | REFUSED_ELSEWHERE


def test_the_page_lists_every_answer(ingest: Sender) -> None:
    known, unknown = "/v1/webhook/dev", "/v1/webhook/unknown"
    answers = [
        ingest.send_to("/v1/track", TRACKED),
        ingest.send_to("/v1/track", b"no JSON"),
        ingest.send_to("/v1/track", b" " * 4194305),
        ingest.send_to(unknown, TRACKED),
        ingest.send_to(known, TRACKED),
        ingest.send_to("/v1/unknown", TRACKED),
        ingest.get(f"{ingest.address}/v1/track", timeout=20),
    ]
    given = [(str(answer.status_code), answer.json().get("code", "")) for answer in answers]
    listed = [(status, code.strip("`")) for status, code, *_ in table("Answers")]
    assert listed == [*given, ("500", "internal_error"), ("503", "unavailable")]


def test_the_page_names_the_defaults_of_sizes() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for named, default, _ in table("Sizes"):
        [name] = re.findall(r"`(\w+)`", named)
        assert defaults[name] == int(default)


def test_the_page_names_the_versions_that_are_tested() -> None:
    pins = [HERE / f"{sdk}.txt" for sdk in SDKS[1:]] + [HERE.parents[1] / "requirements.lock"]
    python = dict(re.findall(r"^([\w-]+)==([\w.]+)", "\n".join(p.read_text() for p in pins), re.M))
    node = json.loads((HERE / "package.json").read_text())["dependencies"]
    named = dict(re.findall(r"\| `([\w@/-]+)` ([\d.]+) \|", PAGE))
    assert named == {sdk: python[sdk] for sdk in SDKS} | node


def counts_of_refused(store: redis.Redis) -> dict[str, int]:
    wait_until(lambda: counts(store, "dev"))
    return {name.removeprefix("refused:"): n for name, n in counts(store, "dev").items()}
