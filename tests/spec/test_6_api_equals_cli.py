"""`relay ... --json` prints what the API answers for the same thing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs
from typer.testing import CliRunner

from app.cli import relay as command
from app.dead_letters import DeadLetters, Filter
from app.flags import Flags
from app.replays import Replays
from tests.consoling import KABLE, Client, settings
from tests.everywhere import fill

Relay = Callable[..., Any]

SAME = [
    ("destinations list", "/destinations"),
    ("destinations shown kable", "/destinations/kable/shown"),
    ("retries list --destination kable", "/destinations/kable/retries"),
    ("retries list --destination kable --limit 1", "/destinations/kable/retries?limit=1"),
    ("dead-letters list --destination kable", "/destinations/kable/dead-letters"),
    (
        "dead-letters list --destination kable --limit 1",
        "/destinations/kable/dead-letters?limit=1",
    ),
    (
        "dead-letters list --destination kable --event Export --since 2026-01-01",
        "/destinations/kable/dead-letters?event=Export&since=2026-01-01",
    ),
    ("dead-letters groups --destination kable", "/destinations/kable/dead-letters/groups"),
    ("dead-letters show {letter}", "/destinations/kable/dead-letters/{letter}"),
    ("dead-letters export --destination kable", "/destinations/kable/dead-letters/export"),
    ("replays list", "/replays"),
    ("replays list --destination kana", "/replays?destination=kana"),
    ("replays show {replay}", "/replays/{replay}"),
    ("rules list", "/destinations/kana/rules"),
    ("unmapped list", "/destinations/kana/unmapped"),
    ("unmapped list --limit 1", "/destinations/kana/unmapped?limit=1"),
    ("unmapped groups", "/destinations/kana/unmapped/groups"),
    ("flags list --destination kana", "/destinations/kana/flags"),
    ("flags list --destination kana --user 2", "/destinations/kana/flags?user=2"),
    ("actions list", "/actions"),
    ("actions list --destination kable --limit 2", "/actions?destination=kable&limit=2"),
    ("trace dead-1", "/events/dead-1"),
    ("trace retry-1 --user 1", "/events/retry-1?user=1"),
]

CHANGES = [
    ("destinations pause kable --reason r", "POST", "/destinations/kable/pause", {"reason": "r"}),
    ("destinations resume kable", "POST", "/destinations/kable/resume", None),
    ("replays cancel {replay}", "POST", "/replays/{replay}/cancel", None),
    (
        "dead-letters replay --destination kable --dry-run",
        "POST",
        "/destinations/kable/dead-letters/replay",
        {"filter": {}, "dry_run": True},
    ),
    (
        "dead-letters discard --destination kable --event Export --dry-run",
        "POST",
        "/destinations/kable/dead-letters/discard",
        {"filter": {"event": "Export"}, "dry_run": True},
    ),
    (
        "rules test --event Export --property n=1",
        "POST",
        "/destinations/kana/rules/test",
        {"event": "Export", "properties": {"n": 1}},
    ),
]


@pytest.fixture
def relay(tmp_path: Path, store_url: str) -> Relay:
    """What `relay` prints with --json, of the destinations of the console."""
    config = tmp_path / "relay.toml"
    config.write_text(
        f'store_url = "{store_url}"\n'
        '[sources.web]\nwrite_key = "wk"\ndestinations = ["kable", "kana"]\n'
        '[destinations.kable]\nkind = "kable"\napi_key = "sk_test.x"\nkable_client_id = "kci_x"\n'
        '[destinations.kana]\nkind = "kana"\napi_key = "prv_test_x"\n'
    )

    def printed(words: str) -> str:
        as_json = [] if "export" in words else ["--json"]
        with capture_logs():
            done = CliRunner().invoke(command, [*words.split(), *as_json, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.stdout

    return printed


@pytest.fixture
def named(store: redis.Redis, store_url: str) -> dict[str, str]:
    """Ids of what lies in the store."""
    fill(store, settings(store_url))
    return {
        "letter": DeadLetters(store, KABLE).page(Filter()).items[0].id,
        "replay": Replays(store, KABLE).newest()[0].id,
        "flag": Flags(store, "kana").page(None, 1).flags[0].id,
    }


@pytest.mark.parametrize(("words", "path"), SAME)
def test_a_command_that_looks_prints_what_the_api_answers(
    console: Client, relay: Relay, named: dict[str, str], words: str, path: str
) -> None:
    answer = console.call("GET", path.format(**named))
    assert timeless(relay(words.format(**named))) == timeless(answer.text)
    assert len(answer.text) > 50 or "kana" in path


@pytest.mark.parametrize(("words", "method", "path", "body"), CHANGES)
def test_a_command_that_changes_something_prints_what_the_api_answers(
    console: Client,
    relay: Relay,
    named: dict[str, str],
    words: str,
    method: str,
    path: str,
    body: object,
) -> None:
    answer = console.call(method, path.format(**named), json=body)
    assert answer.ok
    assert timeless(relay(words.format(**named))) == timeless(answer.text)


def test_every_list_of_the_command_line_is_compared() -> None:
    compared = {" ".join(words.split()[:2]) for words, *_ in SAME}
    looks = {"list", "groups", "shown", "show", "export"}
    lists = {
        f"{group.typer_instance.info.name} {name}"
        for group in command.registered_groups
        if group.typer_instance
        for one in group.typer_instance.registered_commands
        for name in looks & {one.name or getattr(one.callback, "__name__", "")}
    }
    assert lists == compared - {"trace dead-1", "trace retry-1"}


def timeless(text: str) -> Any:  # noqa: ANN401 - JSON
    """JSON, or several a line, without what grows by the moment."""
    found = json.loads(text if text.count("\n{") == 0 else f"[{','.join(text.splitlines())}]")
    for one in [found, *found.get("items", ())] if isinstance(found, dict) else []:
        one.pop("oldest_seconds", None)
    return found
