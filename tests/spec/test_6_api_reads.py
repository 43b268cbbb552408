"""What the API tells, route by route, as whole values."""

import re
from collections.abc import Iterator

import pytest
import redis

from app.keys import DESTINATIONS
from app.log import Log
from app.presence import Worker, announce, announce_tick
from app.settings import DestinationSettings
from tests.burying import bury
from tests.consoling import Client, Json, settings
from tests.everywhere import AT, NOW, fill

NOTHING: Json = {"items": [], "next_cursor": None}
FILLED_AT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def filled(console: Client, store: redis.Redis, store_url: str) -> Iterator[Client]:
    fill(store, settings(store_url))
    yield console
    assert {one["unaccounted"] for one in console.found("/destinations")["items"]} == {0}


def sole(found: Json) -> Json:
    """The only item of a list."""
    [one] = found["items"]
    assert found["next_cursor"] is None
    return dict(one)


def test_a_destination_tells_its_state_and_its_ledger(filled: Client) -> None:
    listed = filled.found("/destinations")
    kable, kana = listed["items"]
    assert (kana["id"], kana["unmapped"], kana["flags"], listed["next_cursor"]) == (
        "kana",
        2,
        1,
        None,
    )
    assert kable == filled.found("/destinations/kable") | {
        "oldest_seconds": kable["oldest_seconds"]
    }
    assert kable | {"oldest_seconds": 1.0} == {
        "id": "kable",
        "kind": "kable",
        "state": "unattended",
        "reason": "no worker consumes the queue pump.kable",
        "waiting": 1,
        "oldest_seconds": 1.0,
        "retrying": 2,
        "dead": 2,
        "unconfirmed": 0,
        "unmapped": 0,
        "accepted": 7,
        "parts": 0,
        "delivered": 0,
        "flags": 0,
        "skipped": 1,
        "filtered": 0,
        "before_cutover": 0,
        "dry_run": 1,
        "discarded": 1,
        "expired": 0,
        "unaccounted": 0,
        "backlog": "",
        "rate": None,
        "latency_ms": {"p50": None, "p95": None},
    }


def test_a_ledger_by_day_and_the_pipeline_count_the_same(filled: Client) -> None:
    day = sole(filled.found("/destinations/kable/days"))
    assert (day["accepted"], day["waiting"], day["dead"], day["retrying"]) == (7, 1, 2, 2)
    told = filled.found("/destinations/kable/pipeline")
    assert (told["received"], told["retried"], told["dead_by_reason"]) == (6, 2, {"rejected": 3})
    assert [one["name"] for one in told["events"]] == ["Export"]
    assert len(told["hours"]) in (25, 26)
    earlier = filled.found("/destinations/kable/pipeline", since=AT, until="2026-01-01T01:00Z")
    assert (earlier["since"], earlier["received"], len(earlier["hours"])) == (AT, 0, 1)


def test_letters_come_in_pages_and_open_with_their_attempts(filled: Client) -> None:
    path = "/destinations/kable/dead-letters"
    first = filled.found(path, limit=1)
    second = filled.found(path, limit=1, cursor=first["next_cursor"])
    letters = [*first["items"], *second["items"]]
    assert [one["message_id"] for one in letters] == ["dead-2", "dead-1"]
    opened = filled.found(f"{path}/{letters[1]['id']}")
    event = '"properties":{"format":"pdf","n":12345678901234567890123}'
    assert event in filled.call("GET", f"{path}/{letters[1]['id']}").text
    assert opened | {"payload": None, "accepted_at": AT} == letters[1] | {
        "source": "web",
        "accepted_at": AT,
        "attempts": [
            {
                "at": AT,
                "status": 400,
                "error": "",
                "seconds": 0.021,
                "request": '[{"transactionId":"dead-1"}]',
                "response": '{"message":"unknown"}',
            }
        ],
        "payload": None,
        "original": None,
    }


def test_a_filter_leaves_what_matches(filled: Client) -> None:
    path = "/destinations/kable/dead-letters"
    [group] = filled.found(f"{path}/groups")["items"]
    for query in (
        {"message_id": "dead-1"},
        {"user": "1", "event": "Export"},
        {"group": group["id"], "user": "1"},
    ):
        assert [one["user"] for one in filled.found(path, **query)["items"]] == ["1"]
    assert filled.found(path, reason="poison") == NOTHING
    assert filled.found(path, group="gone") == NOTHING
    assert filled.found(path, until=AT) == NOTHING


def test_groups_tell_how_many_failed_alike(filled: Client) -> None:
    group = sole(filled.found("/destinations/kable/dead-letters/groups"))
    newest = filled.found("/destinations/kable/dead-letters", limit=1)["items"][0]
    times = group.pop("first_at"), group.pop("last_at")
    assert all(map(FILLED_AT.fullmatch, times))
    assert group == {
        "id": newest["group"],
        "destination": "kable",
        "reason": "rejected",
        "message": "answered 400, unknown",
        "status": 400,
        "count": 2,
        "sample": newest["id"],
    }


def test_an_export_is_a_line_a_letter(filled: Client) -> None:
    answer = filled.call("GET", "/destinations/kable/dead-letters/export", params={"user": "2"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    [line] = answer.text.splitlines()
    assert '"message_id":"dead-2"' in line
    assert line.endswith('"properties":{"format":"pdf","n":12345678901234567890123}}}')


def test_retries_come_with_when_they_are_due(filled: Client) -> None:
    first = filled.found("/destinations/kable/retries", limit=1)
    second = filled.found("/destinations/kable/retries", limit=1, cursor=first["next_cursor"])
    one = sole(second | {"next_cursor": None})
    assert one | {"due": AT, "accepted_at": AT, "message_id": "", "user": ""} == {
        "destination": "kable",
        "message_id": "",
        "due": AT,
        "user": "",
        "source": "web",
        "accepted_at": AT,
        "attempts": 1,
        "last_status": 400,
        "last_error": "",
        "behind": 0,
    }
    assert {first["items"][0]["message_id"], one["message_id"]} == {"retry-1", "retry-2"}


def test_a_dry_run_shows_what_it_would_have_sent(filled: Client) -> None:
    assert sole(filled.found("/destinations/kable/shown")) == {
        "message_id": "shown-1",
        "user": "1",
        "at": AT,
        "would_be": "sent",
        "why": "",
        "request": {"method": "POST", "path": "/events", "body": {"n": 1}},
    }


def test_an_event_is_traced_through_all_destinations(filled: Client) -> None:
    places = {
        name: [one["place"] for one in filled.found(f"/events/{name}")["deliveries"]]
        for name in ("waiting-1", "retry-1", "dead-1", "unmapped-1", "flagged-1")
    }
    assert places == {
        "waiting-1": ["waiting"],
        "retry-1": ["retrying"],
        "dead-1": ["dead"],
        "unmapped-1": ["unmapped"],
        "flagged-1": ["finished"],
    }
    for path in ("/events/never", "/events/dead-1?source=other", "/events/a%2Fb", "/events/"):
        assert filled.refused("GET", path)[:2] == (404, "unknown_event")


def test_sources_tell_what_they_sent_and_what_was_refused(filled: Client) -> None:
    assert sole(filled.found("/sources")) == {
        "id": "web",
        "accepted": 9,
        "repeats": 0,
        "unrouted": 0,
        "refused": 2,
        "refused_by_code": {"no_user_anon_id": 2},
    }
    assert sole(filled.found("/sources/web/rejections")) == {
        "source": "web",
        "code": "no_user_anon_id",
        "count": 2,
        "samples": [{"at": AT, "message": "userId: expected one", "event": "<b>{"}],
    }
    assert filled.refused("GET", "/sources/app/rejections")[:2] == (404, "unknown_source")


def test_rules_flags_and_what_is_unmapped(filled: Client) -> None:
    rules = filled.found("/destinations/kana/rules")
    assert (rules["items"][0]["id"], rules["items"][0]["matches"]) == ("pdfs", 0)
    assert filled.found("/destinations/kable/rules") == {**NOTHING, "remapping": None}
    newest = filled.found("/destinations/kana/unmapped", limit=1)
    assert newest["items"][0]["message_id"] == "unmapped-2"
    groups = filled.found("/destinations/kana/unmapped/groups")
    assert (groups["total"], groups["events"][0]["count"]) == (2, 2)
    flag = sole(filled.found("/destinations/kana/flags", user="1"))
    assert (flag["wanted"], flag["found"], flag["advice"]) == (
        "a@b.example",
        "c@d.example",
        "change it",
    )
    assert filled.found("/destinations/kana/flags", user="2") == NOTHING


def test_actions_are_told_the_newest_first(filled: Client) -> None:
    told = filled.found("/actions", destination="kable")["items"]
    assert [(one["who"], one["what"], one["count"]) for one in told] == [
        ("bob", "discarded", 1),
        ("bob", "discard began", 1),
        ("bob", "replay cancelled", 1),
        ("bob", "replay began", 1),
        ("bob", "resumed", 1),
        ("bob", "paused", 1),
    ]
    assert len(filled.found("/actions")["items"]) == 7
    assert filled.refused("GET", "/actions?destination=x")[:2] == (404, "unknown_destination")


def test_actions_come_by_pages(filled: Client) -> None:
    whole = filled.found("/actions")
    first = filled.found("/actions", limit=4)
    rest = filled.found("/actions", cursor=first["next_cursor"])
    assert [*first["items"], *rest["items"]] == whole["items"]
    assert (whole["next_cursor"], rest["next_cursor"]) == (None, None)
    assert filled.refused("GET", "/actions?cursor=x")[1:] == ("bad_cursor", "cursor")


def test_a_replay_tells_what_it_covers(filled: Client) -> None:
    replay = sole(filled.found("/replays"))
    assert replay == filled.found(f"/replays/{replay['id']}")
    times = replay.pop("began_at"), replay.pop("ended_at")
    assert all(map(FILLED_AT.fullmatch, times))
    assert replay == {
        "id": replay["id"],
        "destination": "kable",
        "state": "cancelled",
        "standing": "",
        "total": 1,
        "replayed": 0,
        "under_way": 0,
        "delivered": 0,
        "skipped": 0,
        "dead": 0,
        "unmapped": 0,
        "unconfirmed": 0,
        "closed_period": 0,
        "rate": 5.0,
        "who": "bob",
        "filter": None,
    }


def test_the_status_names_who_is_at_work(console: Client, store: redis.Redis) -> None:
    away = console.found("/status")
    assert (away["workers"], away["beat"]) == ({"processes": 0, "queues": []}, False)
    now = int(store.time()[0]) * 1000
    announce(store, Worker("one", 3), ["pump.kable"], now)
    announce_tick(store, now)
    there = console.found("/status")
    assert (there["workers"], there["beat"]) == (
        {"processes": 3, "queues": ["pump.kable"]},
        True,
    )
    beat = {"part": "beat", "state": "ok", "found": "ticks", "advice": ""}
    assert (beat in there["findings"], beat in away["findings"]) == (True, False)


def test_settings_come_with_their_origin_and_without_secrets(console: Client) -> None:
    answer = console.call("GET", "/settings")
    told = {one["name"]: one for one in answer.json()["items"]}
    assert told["destinations.kable.api_key"] == {
        "name": "destinations.kable.api_key",
        "value": "***",
        "unit": "",
        "secret": True,
        "origin": "default",
        "place": "",
    }
    assert not [secret for secret in ("sk_test", "prv_test", "token-of") if secret in answer.text]


def test_an_orphan_is_told_and_its_letters_may_be_let_go_of(
    console: Client, store: redis.Redis
) -> None:
    gone = Log(store, DestinationSettings(id="gone", kind="kable"))
    bury(gone, 3, now=NOW)
    store.hset(DESTINATIONS, "gone", "kable")
    assert console.found("/destinations/gone")["state"] == "orphaned"
    assert len(console.found("/destinations/gone/dead-letters")["items"]) == 3
    assert len(console.call("GET", "/destinations/gone/dead-letters/export").text.split("\n")) == 4
    every = {"filter": {}}
    for path, body in (("pause", {}), ("resume", {}), ("dead-letters/replay", every)):
        refused = console.refused("POST", f"/destinations/gone/{path}", json=body)
        assert refused == (409, "orphaned", None)
    path = "/destinations/gone/dead-letters/discard"
    assert console.told("POST", path, json=every)[1]["count"] == 3
    assert (gone.census().discarded, gone.census().unaccounted) == (3, 0)


def test_of_a_store_with_nothing_in_it_all_lists_are_empty(console: Client) -> None:
    for path in (
        "/replays",
        "/actions",
        "/destinations/kable/dead-letters",
        "/destinations/kable/dead-letters/groups",
        "/destinations/kable/retries",
        "/destinations/kable/days",
        "/destinations/kable/shown",
        "/destinations/kana/flags",
        "/destinations/kana/unmapped",
        "/sources/web/rejections",
    ):
        assert console.found(path) == NOTHING
