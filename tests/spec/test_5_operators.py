"""An operator looks at destinations, pauses and resumes them, and asks for retries and events."""

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
from app.clock import milliseconds
from app.delivery import Delivery, encode
from app.destinations import ACCOUNTS
from app.log import Log
from app.moves import Leased, Reading, Settlement
from app.presence import TICKS, WORKERS, Worker, announce, announce_tick
from app.retries import Page, Place, Retry, merged
from app.settings import DestinationSettings, Settings, load
from app.throttle import Throttle, fingerprint
from tests.ingesting import serving

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def config(store: redis.Redis, store_url: str, tmp_path: Path) -> Path:
    announce(store, Worker("a/1", 4), ["pump.kable"], milliseconds())
    written = tmp_path / "relay.toml"
    written.write_text(
        f'store_url = "{store_url}"\n'
        '[sources.web]\nwrite_key = "one"\ndestinations = ["kable"]\n'
        '[destinations.kable]\nkind = "kable"\nbase_url = "http://127.0.0.1:9"\n'
        'api_key = "sk_test.x"\nkable_client_id = "kci_x"\n'
    )
    return written


@pytest.fixture
def settings(config: Path) -> Settings:
    return load(ACCOUNTS, path=config, environ={})


@pytest.fixture
def run(config: Path) -> Run:
    def invoked(*words: str) -> tuple[int, str]:
        with capture_logs():
            result = CliRunner().invoke(relay, [*words, "--config", str(config)])
        return result.exit_code, result.stdout + result.stderr

    return invoked


def listed(run: Run, *words: str) -> Any:  # noqa: ANN401 - JSON
    code, output = run(*words, "--json")
    assert code == 0, output
    return json.loads(output)


def test_what_is_paused_stays_paused_until_it_is_resumed(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    account = settings.destinations["kable"]
    code, said = run("destinations", "pause", "kable", "--reason", "they move", "--as", "ann")
    assert (code, said.startswith("kable is paused: by an operator since ")) == (0, True)
    assert run("destinations", "pause", "kable")[1].startswith("kable was paused already")
    assert Throttle(store, account).state().paused_by == "operator"
    assert listed(run, "destinations", "list")["items"][0]["state"] == "paused"
    assert run("destinations", "resume", "kable", "--as", "bob") == (
        0,
        "kable is resumed; what ended was a pause by operator\n",
    )
    assert run("destinations", "resume", "kable") == (0, "kable was not paused\n")
    assert [(one.who, one.what) for one in Actions(store, "kable").newest()] == [
        ("bob", "resumed"),
        ("ann", "paused"),
    ]


def test_while_beat_does_not_tick_status_and_check_fail(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    with serving(settings) as ingest:
        words = "status", "--url", ingest.address
        code, said = run(*words)
        assert (code, "beat does not tick" in said) == (1, True)
        announce_tick(store, milliseconds())
        assert run(*words)[0] == 0
    found = json.loads(run("check", "--json")[1])["items"]
    states = {one["part"]: one["state"] for one in found}
    assert (states["beat"], states["workers"]) == ("ok", "ok")
    store.delete(TICKS, WORKERS)
    found = json.loads(run("check", "--json")[1])["items"]
    assert {one["part"] for one in found if one["state"] == "failed"} >= {"beat", "workers"}


def test_a_destination_that_the_settings_do_not_name_is_wrong_use(run: Run) -> None:
    code, said = run("destinations", "pause", "kabel")
    assert (code, "expected one of: kable; found kabel" in said) == (2, True)


def test_new_credentials_are_seen_where_the_former_ones_were_refused(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    account = settings.destinations["kable"]
    former = account.model_copy(update={"api_key": "sk_test.y"})
    key = Log(store, account).layout.digest_key
    throttle = Throttle(store, account)
    throttle.pause("relay", "401", fingerprint(account, key), "credentials")
    assert "have changed" not in run("destinations", "list")[1]
    throttle.resume()
    throttle.pause("relay", "401", fingerprint(former, key), "credentials")
    assert "the credentials have changed since" in run("destinations", "list")[1]


def test_what_lies_under_an_id_that_the_settings_forgot_is_shown_as_orphaned(
    run: Run, store: redis.Redis
) -> None:
    former = Log(store, DestinationSettings(id="former", kind="kana"))
    former.census()
    assert [one["id"] for one in listed(run, "destinations", "list")["items"]] == ["kable"]
    former.append([Admission("m-1", "web", "user-1", b"{}")])
    _, orphan = listed(run, "destinations", "list")["items"]
    assert (orphan["id"], orphan["kind"], orphan["state"]) == ("former", "kana", "orphaned")
    assert orphan["waiting"] == 1


def test_retries_are_listed_a_page_at_a_time(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    log = Log(store, settings.destinations["kable"])
    log.append([Admission(f"m-{n}", "web", "user-1", b"{}") for n in range(3)])
    leased = log.lease("pump", 32)
    assert isinstance(leased, Leased)
    heads = log.heads("pump", [Reading(p, "", 9, 9) for p in leased.partitions]).heads
    waits = enumerate(heads, start=1)
    log.settle(
        "pump", 1, [Settlement(h, "retry", n * 60_000, encode(h.delivery)) for n, h in waits]
    )
    page = listed(run, "retries", "list", "--limit", "2")
    rest = listed(run, "retries", "list", "--cursor", page["next_cursor"])
    names = [[one["message_id"] for one in each["items"]] for each in (page, rest)]
    assert (names, rest["next_cursor"]) == ([["m-0", "m-1"], ["m-2"]], None)
    assert run("retries", "list", "--cursor", "here")[0] == 2


def test_what_operators_did_is_listed(run: Run) -> None:
    run("destinations", "pause", "kable", "--reason", "they move", "--as", "ann")
    [action] = listed(run, "actions", "list")["items"]
    assert action | {"at": ""} == {
        "destination": "kable",
        "at": "",
        "who": "ann",
        "what": "paused",
        "count": 1,
        "about": "they move",
    }
    assert "they move" in run("actions", "list", "--destination", "kable")[1]


def test_to_resume_what_is_broken_says_until_when(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    Throttle(store, settings.destinations["kable"]).hold("503", None)
    said = run("destinations", "resume", "kable")[1]
    assert said.startswith("kable was not paused; it is broken: held until ")
    assert said.endswith(": 503\n")


def retries_due(*dues: int) -> tuple[Retry, ...]:
    return tuple(Retry(Place(due, 0, "1-0"), Delivery("m", "w", "u", b"", 0), 0) for due in dues)


def test_the_retries_of_all_destinations_are_one_list_that_leaves_nothing_out() -> None:
    pages = {"a": Page(retries_due(1, 5), Place(5, 0, "1-0")), "b": Page(retries_due(3, 9), None)}
    found, cursor = merged(pages, 2)
    assert [(id_, one.place.due) for id_, one in found] == [("a", 1), ("b", 3)]
    assert cursor == Place(3, 0, "1-0")


def test_a_trace_tells_where_an_event_is_and_fails_for_one_that_never_came(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    Log(store, settings.destinations["kable"]).append([Admission("m-1", "web", "u", b"{}")])
    [delivery] = listed(run, "trace", "m-1")["deliveries"]
    assert (delivery["destination"], delivery["place"]) == ("kable", "waiting")
    assert [one["what"] for one in delivery["history"]] == ["accepted"]
    code, said = run("trace", "m-2")
    assert (code, "m-2 was never accepted" in said) == (1, True)


def test_status_tells_the_ledger_of_a_day_and_who_stands_still(
    run: Run, store: redis.Redis, settings: Settings
) -> None:
    account = settings.destinations["kable"]
    Log(store, account).append([Admission("m-1", "web", "u", b"{}")])
    Throttle(store, account).pause("operator", "they move")
    code, shown = run("status", "--days", "1", "--url", "http://127.0.0.1:9", "--json")
    told, _ = json.JSONDecoder().raw_decode(shown)
    [day] = told["items"][0]["days"]
    assert (code, "kable is paused: its reason stands under it" in shown) == (3, True)
    assert (day["accepted"], day["waiting"], day["delivered"]) == (1, 1, 0)
