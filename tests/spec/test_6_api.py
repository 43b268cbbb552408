"""What holds for every route of the API: who may call it, and what it says when it does not."""

import socket

import pytest
import redis
from fastapi.routing import APIRoute

from app.console.api.application import ROUTERS
from app.keys import DESTINATIONS
from tests.consoling import PLACES, VIEWER, Client, serving
from tests.processes import free_port

HOSTILE = ["%00", "x" * 10_000, "..%2f..%2fetc", "%F0%9F%92%A9", "%FF%FE", "%0a", "'; --", "ids:x"]


ENDPOINTS = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
ROUTES = [
    (method, route.path.replace(":path}", "}").removeprefix("/api"))
    for route in ENDPOINTS
    for method in sorted(route.methods)
]
CHANGING = [one for one in ROUTES if one[0] != "GET" and not one[1].endswith("/rules/test")]


def test_without_a_token_no_route_tells_anything(console: Client) -> None:
    wrong = [None, "", "Bearer", "Bearer nobody's", "Basic dG9rZW4=", "Bearer token-of-ann2", "é"]
    found = {
        (answer.status_code, answer.headers["WWW-Authenticate"], answer.json()["error"]["code"])
        for method, path in [*ROUTES, ("GET", "/openapi.json"), ("GET", "/nope"), ("GET", "")]
        for token in wrong
        for answer in [
            console.call(
                method,
                path.format(**PLACES),
                headers={"Authorization": token.encode() if token is not None else None},
            )
        ]
    }
    assert found == {(401, "Bearer", "unauthorised")}


def test_who_may_only_look_changes_nothing(console: Client) -> None:
    headers = {"Authorization": f"Bearer {VIEWER}"}
    told = {
        console.refused(method, path.format(**PLACES), headers=headers, json={"feature": "f"})
        for method, path in CHANGING
    }
    assert (told, len(CHANGING)) == ({(403, "read_only", None)}, 10)
    assert console.call("GET", "/destinations", headers=headers).status_code == 200


def test_every_route_is_known_here_and_lies_below_the_guard(console: Client) -> None:
    described = console.application.openapi()["paths"]
    told = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert told == {(method, f"/api{path}") for method, path in ROUTES}
    assert sum(len(router.routes) for router in ROUTERS) == len(ENDPOINTS)


def test_what_is_not_there_says_so_in_the_same_shape(console: Client) -> None:
    assert console.refused("GET", "/nope") == (404, "unknown_route", None)
    assert console.refused("GET", "/destinations/") == (404, "unknown_route", None)
    answer = console.call("PATCH", "/destinations/kana/rules")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_id_is_refused(console: Client, hostile: str) -> None:
    for method, path in ROUTES:
        for name in PLACES:
            if f"{{{name}}}" in path:
                called = path.format(**{**PLACES, name: hostile})
                answer = console.call(method, called, json={"feature": "f", "event": "e"})
                assert answer.status_code in (404, 405, 409, 422), (method, path, answer.text)


def test_a_destination_of_a_kind_that_is_gone_can_be_looked_at(
    console: Client, store: redis.Redis
) -> None:
    store.hset(DESTINATIONS, "odd", "nothing")
    for method, path in ROUTES:
        if "{destination}" in path:
            called = path.format(**PLACES | {"destination": "odd"})
            answer = console.call(method, called, json={"feature": "f", "event": "e"})
            expected = {200, 404} if method == "GET" else {200, 404, 409, 422}
            assert answer.status_code in expected, (method, path, answer.text)


def test_nothing_between_keeps_what_is_told(console: Client) -> None:
    for path in ("/destinations", "/nope", "/destinations/kable/dead-letters/export"):
        assert console.call("GET", path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/destinations/kable/dead-letters", {"limit": 0}, "limit"),
        ("/destinations/kable/dead-letters", {"limit": 501}, "limit"),
        ("/destinations/kable/dead-letters", {"cursor": "x"}, "cursor"),
        ("/destinations/kable/dead-letters", {"cursor": "9" * 300}, "cursor"),
        ("/destinations/kable/dead-letters", {"reason": "none"}, "reason"),
        ("/destinations/kable/dead-letters", {"resaon": "rejected"}, "resaon"),
        ("/destinations/kable/dead-letters", {"since": "soon"}, "since"),
        ("/destinations/kable/dead-letters", {"since": "0001-01-01T00:00+05:00"}, "since"),
        ("/destinations/kable/dead-letters", {"event": ""}, "event"),
        ("/destinations/kable/dead-letters", {"user": "u" * 1001}, "user"),
        ("/destinations/kable/dead-letters/groups", {"reason": "none"}, "reason"),
        ("/destinations/kable/dead-letters/export", {"until": "x"}, "until"),
        ("/destinations/kable/retries", {"cursor": "1-2"}, "cursor"),
        ("/destinations/kable/retries", {"limit": "many"}, "limit"),
        ("/destinations/kable/days", {"days": 401}, "days"),
        ("/destinations/kable/pipeline", {"since": "2026-02-30"}, "since"),
        ("/destinations/kana/unmapped", {"cursor": "-1"}, "cursor"),
        ("/destinations/kana/unmapped", {"limit": 10**30}, "limit"),
        ("/destinations/kana/flags", {"cursor": "x"}, "cursor"),
        ("/actions", {"limit": 1001}, "limit"),
    ],
)
def test_a_wrong_parameter_is_named(
    console: Client, path: str, query: dict[str, object], field: str
) -> None:
    status, code, named = console.refused("GET", path, params=query)
    assert (status, named) == (422, field)
    assert code in ("invalid", "bad_cursor", "bad_filter")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"filter": {"event": "\\ud800"}}', None),
        (b'{"filter": {}, "rate": 1e400}', None),
        (b"{}", None),
        (b'{"ids": ["x"], "filter": {}}', None),
        (b'{"ids": []}', "ids"),
        (b'{"ids": [1]}', "ids.0"),
        (b'{"filter": {"event": ""}}', "filter.event"),
        (b'{"filter": {"reason": "none"}}', "filter.reason"),
        (b'{"filter": {"name": "x"}}', "filter.name"),
        (b'{"filter": {}, "rate": "50"}', "rate"),
        (b'{"filter": {}, "rate": 501}', "rate"),
        (b'{"filter": {}, "dry_run": 1}', "dry_run"),
        (b'{"filter": {}, "wait": true}', "wait"),
    ],
)
def test_a_wrong_body_is_named(console: Client, body: bytes, field: str | None) -> None:
    for verb in ("replay", "discard"):
        path = f"/destinations/kable/dead-letters/{verb}"
        status, code, named = console.refused("POST", path, data=body)
        assert (status, named) == (422, field)
        assert code in ("invalid", "bad_filter")


def test_a_body_is_json_whatever_its_content_type_says(console: Client) -> None:
    path, body = "/destinations/kable/pause", b'{"reason": "they move"}'
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded"):
        answer = console.call("POST", path, data=body, headers={"Content-Type": content_type})
        assert "they move" in answer.json()["reason"]


def test_a_body_that_is_too_large_is_not_read_to_its_end(console: Client) -> None:
    path = "/destinations/kable/dead-letters/1-1-1.1/payload"
    assert console.refused("PUT", path, data=b" " * 1_100_000) == (413, "too_large", None)
    parts = (b" " * 100_000 for _ in range(11))
    assert console.refused("PUT", path, data=parts) == (413, "too_large", None)


def test_a_store_that_is_away_is_said_with_when_to_try_again() -> None:
    with serving(f"redis://127.0.0.1:{free_port()}/0") as console:
        answer = console.call("GET", "/destinations")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.json()["error"]["code"] == "store_away"


def test_a_fault_of_its_own_is_an_answer_too(console: Client, store_url: str) -> None:
    with socket.create_connection(
        ("127.0.0.1", int(store_url.rsplit(":", maxsplit=1)[-1].split("/", maxsplit=1)[0]))
    ) as raw:
        raw.sendall(b"SET relay:{kable}:actions text\r\n")
        assert raw.recv(5) == b"+OK\r\n"
    assert console.refused("GET", "/actions") == (500, "internal", None)
