"""What browsers need of ingest beside the events: CORS, letters, images, settings, addresses."""

import base64
import json
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest
import redis
import requests

from tests.ingesting import (
    OK,
    Sender,
    answered,
    counts,
    events,
    refused,
    serving,
    settings,
    track,
)
from tests.processes import wait_until

ORIGIN = "https://shop.example"
READABLE = {
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "Retry-After",
    "vary": "Origin",
}
PATHS = ["/v1/t", "/v1/b/", "/v1/batch", "/v1/m", "/v1/pixel/track", "/v1/projects/key/settings"]
LETTERS = [(type_[0], type_) for type_ in ("track", "identify", "page", "screen", "group")]


def cors(response: requests.Response) -> dict[str, str]:
    names = [*READABLE, *(name for name in response.headers if "access-control" in name.lower())]
    return {name.lower(): response.headers[name] for name in names if name in response.headers}


@pytest.mark.parametrize("path", [*PATHS, "/v1/webhook/web", "/readyz", "/openapi.json"])
def test_a_preflight_allows_what_the_browser_sdk_sends(ingest: Sender, path: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-retry-count",
    }
    response = ingest.options(ingest.address + path, headers=asked, timeout=20)
    assert (response.status_code, response.content) == (204, b"")
    assert cors(response) == READABLE | {
        "access-control-allow-methods": "POST, GET, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, X-Retry-Count",
        "access-control-max-age": "7200",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/t", 200),
        ("POST", "/v1/m", 200),
        ("POST", "/v1/batch", 400),
        ("GET", "/v1/pixel/track", 200),
        ("GET", "/v1/t", 405),
        ("GET", "/v1/projects/unknown/settings", 404),
        ("POST", "/nowhere", 404),
        ("OPTIONS", "/nowhere", 404),
        ("POST", "/v1/webhook/app", 401),
    ],
)
def test_every_answer_to_another_origin_may_be_read_there(
    ingest: Sender, method: str, path: str, status: int
) -> None:
    body = b"[" if status == 400 else json.dumps(track()).encode()
    url, origin = ingest.address + path, {"Origin": ORIGIN}
    response = ingest.request(method, url, data=body, headers=origin, timeout=20)
    assert (response.status_code, cors(response)) == (status, READABLE)


def test_an_answer_to_no_other_origin_says_nothing_of_it(ingest: Sender) -> None:
    assert cors(ingest.send_to("/v1/track", track())) == {}


@pytest.mark.parametrize(("letter", "type_"), LETTERS)
def test_a_letter_stands_for_a_type(
    ingest: Sender, store: redis.Redis, letter: str, type_: str
) -> None:
    sent = track(groupId="g", type=type_)
    assert answered(ingest.send_to(f"/v1/{letter}", sent)) == OK
    assert [event["type"] for event in events(store)] == [type_]


def test_what_the_sdk_measures_of_itself_is_let_go(ingest: Sender, store: redis.Redis) -> None:
    sent = {"series": [{"type": "Counter", "metric": "analytics_js.invoke", "value": 1}]}
    ingest.auth = lambda request: request
    assert answered(ingest.send_to("/v1/m", sent)) == OK
    assert answered(ingest.send_to("/v1/m/", b"x" * 2_000_000)) == OK
    assert events(store) == []


def test_the_settings_send_an_sdk_to_the_host_that_it_asked(ingest: Sender) -> None:
    url = f"{ingest.address}/v1/projects/key/settings"
    response = ingest.get(url, headers={"Host": 'relay"example:9'}, timeout=20)
    expected = {"apiKey": "key", "apiHost": 'relay"example:9/v1', "protocol": "http"}
    assert response.json() == {"integrations": {"Segment.io": expected}}
    assert ingest.get(url + "/", timeout=20).ok


def test_an_unknown_write_key_has_no_settings(ingest: Sender) -> None:
    response = ingest.get(f"{ingest.address}/v1/projects/unknown/settings", timeout=20)
    assert refused(response) == (404, "unknown_source")


@pytest.mark.parametrize(("trusted", "scheme"), [((), "http"), (("127.0.0.0/8",), "https")])
def test_the_protocol_is_what_a_trusted_proxy_says(
    store_url: str, trusted: tuple[str, ...], scheme: str
) -> None:
    proxies = tuple(ip_network(network) for network in trusted)
    with serving(settings(store_url, trusted_proxies=proxies)) as ingest:
        url, told = f"{ingest.address}/v1/projects/key/settings", {"X-Forwarded-Proto": "https"}
        response = ingest.get(url, headers=told, timeout=20)
    assert response.json()["integrations"]["Segment.io"]["protocol"] == scheme


def show(ingest: Sender, query: str, type_: str = "track") -> tuple[int, str, str, bytes]:
    ingest.auth = lambda request: request
    response = ingest.get(f"{ingest.address}/v1/pixel/{type_}?{query}", timeout=20)
    found = response.headers
    return (
        response.status_code,
        found["content-type"],
        found["cache-control"],
        response.content[:6],
    )


IMAGE = (200, "image/gif", "no-store", b"GIF89a")
SHOWN = {"writeKey": "key", "userId": "u", "event": "é>?>?~~", "properties": {"subject": "s"}}
IN_BASE64 = base64.b64encode(json.dumps(SHOWN, ensure_ascii=False).encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        f"data={IN_BASE64}",
        f"data={IN_BASE64.rstrip('=')}",
        urlencode({"data": IN_BASE64}),
        "data=" + IN_BASE64.replace("+", "-").replace("/", "_").rstrip("="),
        "writeKey=key&userId=u&event=%C3%A9%3E?%3E?~~&properties.subject=s",
    ],
)
def test_an_image_brings_an_event(ingest: Sender, store: redis.Redis, query: str) -> None:
    assert any(mark in IN_BASE64 for mark in "+/")
    assert show(ingest, query) == IMAGE
    [event] = events(store)
    assert (event["event"], event["properties"]) == (SHOWN["event"], {"subject": "s"})
    assert event["context"] == {"ip": "127.0.0.1"}
    assert "writeKey" not in event


@pytest.mark.parametrize("type_", ["identify", "group", "alias", "page", "screen"])
def test_an_image_may_be_any_call(ingest: Sender, store: redis.Redis, type_: str) -> None:
    query = "writeKey=key&userId=u&groupId=g&previousId=p"
    assert show(ingest, query, f"{type_}/") == IMAGE
    assert [event["type"] for event in events(store)] == [type_]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("writeKey=key&userId=u", "event_not_defined"),
        ("writeKey=key&a=1&a.b=2", "bad_request"),
        ("writeKey=key&" + "a." * 30 + "=2", "bad_request"),
        ("writeKey=key&data=%00", "bad_request"),
        ("writeKey=key&data=a", "bad_request"),
        ("writeKey=unknown&event=e", None),
        ("data=" + base64.b64encode(b"{").decode(), None),
        ("a&" * 2000, None),
        ("", None),
    ],
)
def test_a_bad_event_gets_its_image_and_is_counted_where_it_says_whose_it_is(
    ingest: Sender, store: redis.Redis, query: str, code: str | None
) -> None:
    assert show(ingest, query) == IMAGE
    ingest.auth = ("other", "")
    ingest.send_to("/v1/track", track())
    wait_until(lambda: counts(store, "app") == {"accepted": 1})
    assert counts(store) == ({f"refused:{code}": 1} if code else {})


def test_an_image_whose_event_cannot_be_stored_is_counted(store_url: str) -> None:
    with redis.Redis.from_url(store_url) as store, serving(settings(store_url)) as ingest:
        store.flushall()
        store.config_set("maxmemory", 1)
        try:
            assert show(ingest, "writeKey=key&userId=u&event=e") == IMAGE
        finally:
            store.config_set("maxmemory", 0)
        wait_until(lambda: counts(store) == {"refused:not_stored": 1})


def located(
    ingest: Sender, store: redis.Redis, path: str, body: object, forwarded: str = ""
) -> object:
    """The context that an event is kept with."""
    headers = {"X-Forwarded-For": forwarded.encode()} if forwarded else None
    assert ingest.send_to(path, body, headers=headers).ok
    [event] = events(store)
    return event.get("context")


@pytest.mark.parametrize(
    ("path", "context", "kept"),
    [
        ("/v1/t", ..., {"ip": "127.0.0.1"}),
        ("/v1/t", None, {"ip": "127.0.0.1"}),
        ("/v1/t", {"ip": None, "a": 1}, {"ip": "127.0.0.1", "a": 1}),
        ("/v1/t", {"ip": "0.0.0.0"}, {"ip": "0.0.0.0"}),
        ("/v1/t", "none", "none"),
        ("/v1/track", {"a": 1}, {"a": 1}),
        ("/v1/track", {"direct": False}, {"direct": False}),
        ("/v1/track", {"direct": True}, {"direct": True, "ip": "127.0.0.1"}),
        ("/v1/track", {"direct": True, "ip": "192.0.2.1"}, {"direct": True, "ip": "192.0.2.1"}),
    ],
)
def test_the_address_is_the_connections_where_users_send_or_the_sender_asks(
    ingest: Sender, store: redis.Redis, path: str, context: object, kept: object
) -> None:
    sent = track() if context is ... else track(context=context)
    assert located(ingest, store, path, sent, "198.51.100.1") == kept


@pytest.mark.parametrize(
    ("shared", "kept"),
    [({"direct": True}, {"direct": True, "ip": "127.0.0.1"}), ({"direct": 1}, {"direct": 1})],
)
def test_a_batch_may_ask_for_the_address_of_each_of_its_events(
    ingest: Sender, store: redis.Redis, shared: object, kept: object
) -> None:
    body = {"batch": [track()], "context": shared}
    assert located(ingest, store, "/v1/batch", body) == kept


def test_a_batch_of_users_is_located_too(ingest: Sender, store: redis.Redis) -> None:
    assert located(ingest, store, "/v1/b", {"batch": [track()]}) == {"ip": "127.0.0.1"}


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("203.0.113.9:443,10.1.2.3:80", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
        ("unknown, 10.1.2.3", None),
        ("", "127.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_address_is_the_rightmost_that_is_not_theirs(
    store: redis.Redis, store_url: str, forwarded: str, address: str | None
) -> None:
    proxies = (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"))
    with serving(settings(store_url, trusted_proxies=proxies)) as ingest:
        found = located(ingest, store, "/v1/t", track(), forwarded)
    assert found == (None if address is None else {"ip": address})
