"""What the API changes: done as told, once, and on record under the name of the token."""

import json
from collections.abc import Iterator

import pytest
import redis

from app.actions import Actions
from app.dead_letters import DeadLetters, Filter
from app.log import Log
from app.replays import Replays
from tests.burying import bury, bury_logged
from tests.consoling import KABLE, Client, Json, settings
from tests.everywhere import fill
from tests.processes import wait_until

LETTERS = "/destinations/kable/dead-letters"


@pytest.fixture
def log(store: redis.Redis) -> Iterator[Log]:
    log = Log(store, KABLE)
    yield log
    assert log.census().unaccounted == 0


def letters(store: redis.Redis) -> list[str]:
    """The ids, the oldest first."""
    return [one.id for one in DeadLetters(store, KABLE).scan(Filter())]


def recorded(store: redis.Redis, destination: str = "kable") -> list[tuple[str, str, int, str]]:
    newest = Actions(store, destination).newest()
    return [(one.who, one.what, one.count, one.about) for one in reversed(newest)]


def event(**members: object) -> bytes:
    told = {"type": "track", "event": "Call", "messageId": "m-0", "userId": "u-0", **members}
    return json.dumps(told).encode()


def test_pause_and_resume_may_be_said_twice(console: Client, store: redis.Redis) -> None:
    paused = [
        console.told("POST", "/destinations/kable/pause", json={"reason": reason})
        for reason in ("they move", "still")
    ]
    assert [(status, one["state"]) for status, one in paused] == [(200, "paused")] * 2
    assert "still" in paused[1][1]["reason"]
    resumed = [console.told("POST", "/destinations/kable/resume") for _ in range(2)]
    assert [(status, one["state"]) for status, one in resumed] == [(200, "unattended")] * 2
    assert console.call("POST", "/destinations/kable/pause").json()["state"] == "paused"
    assert recorded(store) == [
        ("ann", "paused", 1, "they move"),
        ("ann", "resumed", 1, "operator: still"),
        ("ann", "paused", 1, ""),
    ]


def test_an_edited_event_keeps_its_values_as_they_came(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 1)
    [letter] = letters(store)
    sent = event(properties={"n": 1}).replace(b'{"n": 1}', b'{"n": 12345678901234567890.10}')
    answer = console.call("PUT", f"{LETTERS}/{letter}/payload", data=sent)
    assert (answer.status_code, '{"n":12345678901234567890.10}' in answer.text) == (200, True)
    assert answer.json()["original"]["event"] == "Search"
    assert console.call("GET", f"{LETTERS}/{letter}").json() == answer.json()
    assert recorded(store) == [("ann", "edited", 1, letter)]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 50_000, None),
        (event(messageId="other"), "messageId"),
        (event(type="alias"), "type"),
        (event(pad="x" * 40_000), None),
    ],
)
def test_an_event_that_is_refused_changes_nothing(
    console: Client, store: redis.Redis, log: Log, sent: bytes, field: str | None
) -> None:
    bury(log, 1)
    path = f"{LETTERS}/{letters(store)[0]}"
    before = console.found(path)
    assert console.refused("PUT", f"{path}/payload", data=sent) == (422, "bad_payload", field)
    assert (console.found(path), recorded(store)) == (before, [])


def test_a_replay_is_counted_begun_told_and_cancelled(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 100)
    asked = {"filter": {"reason": "rejected"}, "rate": 20}
    counted = console.told("POST", f"{LETTERS}/replay", json=asked | {"dry_run": True})
    assert counted == (
        200,
        {"count": 90, "unconfirmed": 0, "closed_period": 0, "left_out": 0},
    )
    assert console.found("/replays")["items"] == []
    status, begun = console.told("POST", f"{LETTERS}/replay", json=asked)
    assert (status, begun) == (202, {"id": begun["id"], "count": 90})
    replay = console.found(f"/replays/{begun['id']}")
    told = {name: replay[name] for name in ("state", "total", "rate", "who", "filter")}
    assert told == {
        "state": "running",
        "total": 90,
        "rate": 20.0,
        "who": "ann",
        "filter": {"reason": "rejected"},
    }
    assert replay["standing"] == "beat does not tick, so nothing moves it"
    assert console.refused("POST", f"{LETTERS}/replay", json=asked) == (
        409,
        "replay_running",
        None,
    )
    cancel = f"/replays/{begun['id']}/cancel"
    states = [console.told("POST", cancel)[1]["state"] for _ in range(2)]
    assert (states, log.census().dead) == (["cancelled", "cancelled"], 100)
    assert recorded(store) == [
        ("ann", "replay began", 90, f"{begun['id']}: reason rejected"),
        ("ann", "replay cancelled", 90, begun["id"]),
    ]


def test_a_replay_that_is_done_is_not_cancelled(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 1)
    _, begun = console.told("POST", f"{LETTERS}/replay", json={"ids": letters(store)})
    replays = Replays(store, KABLE)
    wait_until(lambda: replays.step() and log.census().retrying == 1)
    bury_logged(log)
    wait_until(lambda: replays.step() is None)
    assert console.found(f"/replays/{begun['id']}")["state"] == "done"
    refused = console.refused("POST", f"/replays/{begun['id']}/cancel")
    assert refused == (409, "replay_ended", None)


def test_letters_that_are_gone_are_not_there_and_the_others_are_taken(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 3)
    ids = letters(store)
    console.told("POST", f"{LETTERS}/discard", json={"ids": ids[:1]})
    for verb in ("replay", "discard"):
        refused = console.refused("POST", f"{LETTERS}/{verb}", json={"ids": [ids[0], "x"]})
        assert refused == (404, "unknown_letter", "ids")
    status, begun = console.told("POST", f"{LETTERS}/discard", json={"ids": [*ids, ids[2]]})
    assert (status, begun["count"], log.census().dead) == (202, 2, 0)
    refused = console.refused("POST", f"{LETTERS}/replay", json={"filter": {}})
    assert refused == (409, "nothing_to_replay", None)


def test_a_former_burial_is_told_from_the_present_one(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 1)
    [letter] = letters(store)
    key, _, _ = letter.rpartition(".")
    former = f"{key}.1"
    assert console.refused("GET", f"{LETTERS}/{former}") == (404, "buried_again", None)
    refused = console.refused("PUT", f"{LETTERS}/{former}/payload", data=event())
    assert refused == (409, "buried_again", None)


def test_a_discard_is_counted_done_and_told(console: Client, store: redis.Redis, log: Log) -> None:
    bury(log, 100)
    asked: Json = {"filter": {"event": "Search"}}
    counted = console.told("POST", f"{LETTERS}/discard", json=asked | {"dry_run": True})
    assert counted == (200, {"count": 50, "unconfirmed": 5})
    status, begun = console.told("POST", f"{LETTERS}/discard", json=asked | {"as": "delivered"})
    discard = console.found(f"/discards/{begun['id']}")
    assert (status, discard["state"], discard["discarded"]) == (202, "done", 50)
    assert console.found("/discards")["items"][0] == discard
    assert (log.census().delivered, log.census().dead) == (50, 50)
    assert [one[:3] for one in recorded(store)] == [
        ("ann", "discard as delivered began", 50),
        ("ann", "discarded as delivered", 50),
    ]
    assert all(one[3].startswith("event Search: ") for one in recorded(store))


def test_a_discard_goes_as_fast_as_it_is_told_and_is_cancelled(
    console: Client, store: redis.Redis, log: Log
) -> None:
    bury(log, 200)
    asked = {"filter": {}, "rate": 10}
    _, begun = console.told("POST", f"{LETTERS}/discard", json=asked)
    refused = console.refused("POST", f"{LETTERS}/discard", json=asked)
    assert refused == (409, "discard_running", None)
    status, ended = console.told("POST", f"/discards/{begun['id']}/cancel")
    assert (status, ended["state"], ended["discarded"], ended["total"]) == (
        200,
        "cancelled",
        25,
        200,
    )
    assert [one[:3] for one in recorded(store)] == [
        ("ann", "discard began", 200),
        ("ann", "discarded", 25),
    ]
    assert log.census().dead == 175


def test_a_discard_of_a_filter_that_matches_nothing_is_done_at_once(console: Client) -> None:
    status, begun = console.told("POST", f"{LETTERS}/discard", json={"filter": {"user": "x"}})
    assert (status, begun["count"]) == (202, 0)
    assert console.found(f"/discards/{begun['id']}")["state"] == "done"


def test_a_rule_is_made_tried_and_removed(
    console: Client, store: redis.Redis, store_url: str
) -> None:
    fill(store, settings(store_url))
    rules = "/destinations/kana/rules"
    asked: Json = {"event": "Export", "properties": {"n": 12345678901234567890123}}
    trial = console.told("POST", f"{rules}/test", json=asked)[1]
    assert (trial["matched"], trial["total"]) == (2, 2)
    status, made = console.told("POST", rules, json=asked | {"feature": "exports", "id": "big"})
    assert (status, made) == (
        201,
        {
            "id": "big",
            "destination": "kana",
            "name": "big",
            "feature": "exports",
            **asked,
            "created_at": made["created_at"],
            "matches": 0,
        },
    )
    assert made in console.found(rules)["items"]
    again = asked | {"feature": "f", "id": "big"}
    assert console.refused("POST", rules, json=again) == (409, "rule_exists", "id")
    removed = console.told("DELETE", f"{rules}/big")
    assert removed == (200, {"id": "big", "destination": "kana"})
    assert console.refused("DELETE", f"{rules}/big") == (404, "unknown_rule", None)
    assert recorded(store, "kana")[1:] == [
        ("ann", "rule added", 1, "big: exports"),
        ("ann", "rule removed", 1, "big"),
    ]


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"event": "E"}, (422, "invalid", "feature")),
        ({"feature": "f"}, (422, "bad_rule", None)),
        ({"feature": "", "event": "E"}, (422, "bad_rule", "feature")),
        ({"feature": "f", "event": "E", "id": "no id"}, (422, "bad_rule", "id")),
        ({"feature": "f", "properties": {"a": []}}, (422, "bad_rule", "properties.a")),
        ({"feature": "f", "properties": {"a..b": 1}}, (422, "bad_rule", "properties")),
    ],
)
def test_what_is_no_rule_is_refused(
    console: Client, asked: Json, refused: tuple[int, str, str | None]
) -> None:
    assert console.refused("POST", "/destinations/kana/rules", json=asked) == refused


def test_no_rule_is_made_where_none_applies(console: Client) -> None:
    asked = {"feature": "f", "event": "E"}
    refused = console.refused("POST", "/destinations/kable/rules", json=asked)
    assert refused == (409, "no_rules_apply", None)


def test_a_flag_is_resolved_once(console: Client, store: redis.Redis, store_url: str) -> None:
    fill(store, settings(store_url))
    [flag] = console.found("/destinations/kana/flags")["items"]
    path = f"/destinations/kana/flags/{flag['id']}/resolve"
    assert console.told("POST", path) == (200, flag)
    assert console.refused("POST", path) == (404, "unknown_flag", None)
    assert recorded(store, "kana")[1:] == [("ann", "resolved", 1, "email of 1")]
