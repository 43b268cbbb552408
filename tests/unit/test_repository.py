"""What the files beside the code promise to whoever clones the repository."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from typer import Typer

from app.cli import relay
from app.cli.dead_letters import dead_letters
from app.cli.status import ROWS, SOURCE_ROWS, TITLES
from app.keys import DESTINATION_KEYS
from app.moves import Verb
from app.standing import Word

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def text(name: str) -> str:
    return (ROOT / name).read_text()


def processes() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text("Procfile").splitlines())


def test_the_lock_pins_every_package_with_hashes_and_names_no_index() -> None:
    lines = text("requirements.lock").splitlines()
    pins = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [line for line in lines if "://" in line or "index" in line.split("#")[0]]


@pytest.mark.parametrize("group", ["dependencies", "dev"])
def test_every_dependency_is_pinned(group: str) -> None:
    wanted = PROJECT["project"].get(group) or PROJECT["dependency-groups"][group]
    pinned = set(re.findall(r"^([a-z0-9-]+)", text("requirements.lock"), re.MULTILINE))
    assert {re.split(r"[\[<>=!]", one)[0] for one in wanted} <= pinned


def test_every_dependency_at_run_time_has_its_reason_in_the_decisions() -> None:
    reasons = text("docs/decisions/0004-dependencies.md")
    names = [re.split(r"[\[<>=!]", one)[0] for one in PROJECT["project"]["dependencies"]]
    assert [name for name in names if name not in reasons] == []


def test_compose_runs_the_processes_of_the_procfile_and_a_store_that_loses_nothing() -> None:
    services = yaml.safe_load(text("docker-compose.yml"))["services"]
    assert set(services) == set(processes()) | {"store"}
    store = services["store"]["command"]
    settings = dict(zip(store[1::2], store[2::2], strict=True))
    assert settings["--appendonly"] == "yes"
    assert settings["--appendfsync"] == "always"
    assert settings["--maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_compose_and_procfile_start_celery_alike(name: str) -> None:
    command = yaml.safe_load(text("docker-compose.yml"))["services"][name]["command"]
    assert re.sub(r"\$\{WORKERS:-(\d+)\}", r"\1", processes()[name]).split() == command


def test_the_image_starts_ingest_as_the_procfile_does() -> None:
    words = re.findall(r'"([^"]+)"', text("Dockerfile").splitlines()[-1])
    assert re.sub(r"\$\{PORT:-(\d+)\}", r"\1", processes()["web"]).split() == words


def test_the_image_copies_only_files_that_exist() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text("Dockerfile"), re.MULTILINE)
    assert all((ROOT / name).exists() for names in copied for name in names.split())


def test_plain_make_lists_every_target_that_the_readme_names() -> None:
    makefile = text("Makefile")
    for target in re.findall(r"make ([a-z]+)`", text("README.md")):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"])
def test_every_link_of_the_documentation_leads_somewhere(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        found = page.parent / link if link else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), f"{link}#{anchor}"
    for picture in re.findall(r'<img src="([^"]+)"', page.read_text()):
        assert (page.parent / picture).exists(), picture


def anchors(page: Path) -> list[str]:
    """Those of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]


def test_every_key_of_the_store_is_documented_and_every_documented_one_exists() -> None:
    table = text("docs/architecture.md").split("## Keys in the store")[1].split("\n## ")[0]
    names = set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))
    assert {name for name in names if not name.startswith("relay:")} == set(DESTINATION_KEYS)


def explained(title: str, page: str = "operations") -> set[str]:
    """The names in the first columns of a section's tables."""
    section = text(f"docs/{page}.md").split(f"## {title}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_row_of_relay_status_is_explained_and_every_explained_one_is_printed() -> None:
    printed = {TITLES.get(row, row) for row in (*ROWS, *SOURCE_ROWS)}
    assert explained("What `relay status` prints") == printed


def test_every_state_of_a_destination_is_explained() -> None:
    assert explained("States") == set(get_args(Word))


def test_every_line_of_the_log_is_explained_and_every_explained_one_is_written() -> None:
    modules = [*ROOT.glob("app/**/*.py"), *ROOT.glob("workers/*.py")]
    call = r'log(?:ger)?\.(?:info|warning|error|exception)\(\s*"([a-z_]+\.[a-z_]+)"'
    written = {event for path in modules for event in re.findall(call, path.read_text())}
    documented = {name for name in explained("Log lines", "logs") if "." in name}
    assert documented == written


def test_every_verb_of_a_pump_is_explained() -> None:
    assert set(get_args(Verb)) <= explained("Log lines", "logs")


def commands(app: Typer) -> Iterator[str]:
    for command in app.registered_commands:
        if command.callback:
            yield command.name or command.callback.__name__
    for group in app.registered_groups:
        if group.typer_instance:
            name = group.typer_instance.info.name
            yield from (f"{name} {command}" for command in commands(group.typer_instance))


def test_every_command_has_its_exit_codes() -> None:
    assert explained("Exit codes") == {f"relay {command}" for command in commands(relay)}


def test_every_command_for_dead_letters_is_explained() -> None:
    named = {name.removesuffix(" LETTER") for name in explained("Dead letters")}
    assert {f"dead-letters {command}" for command in commands(dead_letters)} <= named
