"""`relay dead-letters replay` and `relay replays`, on a terminal and in scripts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
import redis
from click.testing import Result
from typer.testing import CliRunner

from app.actions import Actions
from app.cli import relay as command
from app.clock import milliseconds
from app.dead_letters import DeadLetters, Filter
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.log import Log
from app.moves import Leased, Reading, Settlement
from app.operating import announced
from app.presence import TICKS, announce_tick
from app.replays import Replays, Survey
from app.settings import DestinationSettings
from tests.burying import bury
from tests.processes import wait_until

KABLE = DestinationSettings(id="kable", kind="kable")

Relay = Callable[..., Result]


@pytest.fixture
def log(store: redis.Redis) -> Iterator[Log]:
    log = Log(store, KABLE)
    yield log
    assert log.census().unaccounted == 0


@pytest.fixture
def replays(store: redis.Redis) -> Replays:
    return Replays(store, KABLE)


@pytest.fixture
def relay(tmp_path: Path, store_url: str) -> Relay:
    """Runs `relay` with a configuration of two destinations."""
    config = tmp_path / "relay.toml"
    config.write_text(
        f'store_url = "{store_url}"\n'
        '[sources.web]\nwrite_key = "k"\ndestinations = ["kable", "kana"]\n'
        '[destinations.kable]\nkind = "kable"\napi_key = "sk_test.x"\nkable_client_id = "kci_x"\n'
        '[destinations.kana]\nkind = "kana"\napi_key = "prv_test_x"\n'
    )
    return lambda *words: CliRunner().invoke(command, [*words, "--config", str(config)])


def only(replays: Replays) -> str:
    [found] = replays.newest()
    return found.id


def test_a_dry_run_counts_and_changes_nothing(log: Log, relay: Relay, replays: Replays) -> None:
    bury(log, 40)
    words = "dead-letters", "replay", "--destination", "kable", "--dry-run"
    assert json.loads(relay(*words, "--json").stdout) == {
        "count": 38,
        "unconfirmed": 0,
        "closed_period": 0,
        "left_out": 2,
    }
    assert relay(*words).stdout == (
        "would replay 38 dead letters of kable, at most 100 a second\n"
        "2 more are unconfirmed and left out: name --reason unconfirmed or their ids\n"
    )
    assert (replays.newest(), log.census().dead) == ([], 40)


def test_without_a_terminal_it_asks_for_a_yes_and_says_what_it_is_about(
    log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 40)
    told = relay("dead-letters", "replay", "--destination", "kable", "--reason", "unconfirmed")
    assert (told.exit_code, replays.newest()) == (2, [])
    assert "2 are unconfirmed: may be billed twice" in told.stderr
    assert "expected --yes" in told.stderr


def test_what_is_begun_is_listed_shown_cancelled_and_recorded(
    store: redis.Redis, log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 3)
    words = "dead-letters", "replay", "--destination", "kable", "--event", "Call"
    begun = json.loads(relay(*words, "--yes", "--as", "ann", "--json").stdout)
    assert begun == {"id": only(replays), "count": 1}
    listed = json.loads(relay("replays", "list", "--json").stdout)["items"]
    shown = json.loads(relay("replays", "show", begun["id"], "--json").stdout)
    assert listed == [shown]
    assert (shown["state"], shown["filter"], shown["who"]) == ("running", {"event": "Call"}, "ann")
    assert relay("replays", "cancel", begun["id"]).stdout.startswith(f"replay {begun['id']} canc")
    newest = [(one.who, one.what, one.count) for one in Actions(store, "kable").newest()][1:]
    assert newest == [("ann", "replay began", 1)]


def test_a_replay_that_beat_does_not_move_says_so(
    store: redis.Redis, log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 3)
    begun = replays.begin(Filter(), None, "ann")
    words = "replays", "show", begun.id, "--json"
    assert json.loads(relay(*words).stdout)["standing"] == (
        "beat does not tick, so nothing moves it"
    )
    announce_tick(store, milliseconds())
    assert json.loads(relay(*words).stdout)["standing"] == ""
    store.delete(TICKS)
    replays.cancel(begun.id)
    assert json.loads(relay(*words).stdout)["standing"] == ""


def test_a_second_replay_is_refused_and_names_the_first(
    log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 3)
    words = "dead-letters", "replay", "--destination", "kable", "--yes"
    assert relay(*words).exit_code == 0
    again = relay(*words)
    assert (again.exit_code, only(replays) in again.stderr) == (1, True)


def test_letters_are_named_by_their_ids(
    store: redis.Redis, log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 3)
    id_ = DeadLetters(store, KABLE).page(Filter()).items[0].id
    assert relay("dead-letters", "replay", id_, "--yes").exit_code == 0
    assert [(one.total, one.named) for one in replays.newest()] == [(1, 1)]
    assert relay("dead-letters", "replay", "9-9-9.9", "--yes").exit_code == 1


@pytest.mark.parametrize("words", [("1-1-1", "--reason", "rejected"), ()])
def test_without_letters_or_with_both_ways_to_name_them_it_is_wrong_use(
    store: redis.Redis,  # noqa: ARG001 - flushed
    relay: Relay,
    words: tuple[str, ...],
) -> None:
    assert relay("dead-letters", "replay", *words, "--yes").exit_code == 2


def test_where_only_unconfirmed_ones_match_it_says_how_to_name_them(
    log: Log, relay: Relay
) -> None:
    bury(log, 3, lambda _: ("unconfirmed", "the answer did not come in time"))
    told = relay("dead-letters", "replay", "--destination", "kable", "--yes")
    expected = "3 match, all unconfirmed: name --reason unconfirmed or their ids"
    assert (told.exit_code, expected in told.stderr) == (1, True)


def test_no_letter_and_no_replay_are_said(store: redis.Redis, relay: Relay) -> None:
    assert store.dbsize() == 0
    nothing = relay("dead-letters", "replay", "--destination", "kable", "--yes")
    assert (nothing.exit_code, "no dead letter matches" in nothing.stderr) == (1, True)
    assert "there is no replay 0123" in relay("replays", "show", "0123").stderr


def test_it_waits_until_it_has_ended_and_says_what_came_of_it(
    log: Log, relay: Relay, replays: Replays
) -> None:
    bury(log, 3)
    words = "dead-letters", "replay", "--destination", "kable", "--yes", "--wait"
    told: list[Result] = []
    waiting = Thread(target=lambda: told.append(relay(*words)))
    waiting.start()
    wait_until(replays.newest)
    wait_until(lambda: replays.step() and log.census().retrying == 3)
    deliver(log)
    wait_until(lambda: replays.step() is None)
    waiting.join()
    assert told[0].stdout.endswith("done: 3 of 3 replayed (3 delivered)\n")
    assert told[0].exit_code == 0
    assert "began: 3 to replay" in told[0].stderr
    assert "0 replayed: beat does not tick, so nothing moves it" in told[0].stderr


def deliver(log: Log) -> None:
    """A pump comes, and all is taken."""
    leased = log.lease("pump", 32)
    assert isinstance(leased, Leased)
    heads = log.heads("pump", [Reading(p, "", 9, 9) for p in leased.partitions]).heads
    log.settle("pump", 1, [Settlement(head, "delivered") for head in heads])
    log.release("pump")


def test_what_is_announced_says_what_late_and_unconfirmed_ones_mean() -> None:
    kable = KableAccount(id="kable", api_key="sk_test.x", kable_client_id="kci_x")
    assert list(announced(Survey(1, 1, 1, before=9), kable, 50, "")) == [
        "1 dead letter of kable, at most 50 a second",
        "1 falls in a billing period that is closed: Kable's invoices of that period are made and "
        "will not have them; whether a later one has them, Kable does not say",
        "1 is unconfirmed: may be billed twice",
    ]
    kana = KanaAccount(id="kana", api_key="prv_test_x")
    [_, late] = announced(Survey(2, 0, None, before=9), kana, 9, "")
    assert late.endswith("so it bills them in the current period")
