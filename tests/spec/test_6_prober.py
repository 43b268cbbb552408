"""Somebody pokes at the console: what has no right gets nothing, and nothing breaks."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import redis
import requests

from app.destinations import ACCOUNTS
from app.log import Log
from app.settings import load
from tests.burying import bury
from tests.processes import console

SETTINGS = """
store_url = "{store_url}"

[sources.web]
write_key = "the write key"
destinations = ["usage", "limits"]

[destinations.usage]
kind = "kable"
api_key = "sk_test.the.apikey"
kable_client_id = "kci"

[destinations.limits]
kind = "kana"
api_key = "prv_test_apikey"

[operators.ann]
token = "a long secret"

[operators.guest]
token = "only looks"
read_only = true
"""
TOKEN = {"Authorization": "Bearer a long secret"}
GUEST = {"Authorization": "Bearer only looks"}
SECRETS = ("a long secret", "only looks", "the write key", "sk_test.the.apikey", "prv_test_apikey")
HOSTILE = (
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "a\0b",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{PILE OF POO}",
    "x" * 3_000,
    "-1",
    "1e400",
    "{{7*7}}",
    "*",
    "%",
)
PAGES = (
    "/",
    "/dead-letters",
    "/unconfirmed",
    "/retries",
    "/replays",
    "/unmapped",
    "/flags",
    "/rejections",
    "/trace",
    "/live",
    "/actions",
    "/settings",
    "/destinations/usage",
)
# Spelled so that a guard might take them for something that is open.
DISGUISED = (
    "/api/destinations/",
    "/API/destinations",
    "//api/destinations",
    "/%61pi/destinations",
    "/api%2fdestinations",
    "/static/../api/destinations",
    "/static/%2e%2e/access.py",
    "/_nicegui/../api/destinations",
    "/_nicegui/%2e%2e/%2e%2e/api/destinations",
    "/login/../api/destinations",
    "/login/..;/api/destinations",
    "/healthz/api/destinations",
    "/openapi.json",
    "/docs",
    "/redoc",
    "/api/docs",
    "/api/openapi.json",
)


@pytest.fixture(scope="module")
def configuration(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("console") / "relay.toml"
    path.write_text(SETTINGS.format(store_url=store_url))
    return path


@pytest.fixture(scope="module")
def address(configuration: Path) -> Iterator[str]:
    with console(configuration) as address:
        yield address


@pytest.fixture
def letters(store: redis.Redis, configuration: Path) -> int:
    """How many dead letters there are to be had."""
    settings = load(ACCOUNTS, path=configuration, environ={})
    bury(Log(store, settings.destinations["usage"]), 20)
    return 20


def sent(method: str, url: str, **how: object) -> requests.Response:
    """A request whose path goes out as it is written."""
    request = requests.Request(method, url, **how).prepare()  # type: ignore[arg-type]
    request.url = url
    with requests.Session() as session:
        return session.send(request, timeout=10, allow_redirects=False)


def routes(address: str) -> list[tuple[str, str]]:
    """Every method and path of the API, as its document names them."""
    document = requests.get(f"{address}/api/openapi.json", headers=TOKEN, timeout=10).json()
    return [(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs]


def test_every_route_is_shut_to_who_has_no_token(address: str) -> None:
    found = routes(address)
    assert len(found) > 20
    answers = {sent(verb, f"{address}{path}").status_code for verb, path in found}
    assert answers == {401}


def test_nothing_is_reached_in_disguise(address: str, letters: int) -> None:
    assert letters
    for path in DISGUISED:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = sent("GET", f"{address}{path}", headers=headers)
            assert answer.status_code in (303, 401, 404), (path, answer.status_code)
            assert "usage" not in answer.text.lower().replace("usage relay", ""), path


def test_who_only_looks_changes_nothing(address: str, store: redis.Redis, letters: int) -> None:
    changing = [(verb, path) for verb, path in routes(address) if verb != "GET"]
    before = store.dbsize(), store.hlen("relay:{usage}:dead")
    for verb, path in changing:
        url = address + path.replace("{destination}", "usage")
        answer = sent(verb, url, headers=GUEST, json={"filter": {}, "reason": "why"})
        # A rule is tried, and a survey made, without a change.
        assert answer.status_code == 403 or path.endswith("/test"), (verb, path)
        assert answer.json()["error"]["code"] if answer.status_code == 403 else True
    assert (store.dbsize(), store.hlen("relay:{usage}:dead")) == before == (before[0], letters)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_ids_and_parameters_break_no_route(address: str, value: str) -> None:
    quoted = quote(value, safe="")
    for verb, path in routes(address):
        filled = "/".join(quoted if "{" in part else part for part in path.split("/"))
        parameters = ("cursor", "limit", "since", "until", "group", "user", "message_id", "event")
        for query in ("", "?" + "&".join(f"{name}={quoted}" for name in parameters)):
            body = value.encode() if verb in ("POST", "PUT") else None
            answer = sent(verb, f"{address}{filled}{query}", headers=TOKEN, data=body)
            assert answer.status_code < 500, (verb, path, query[:40], answer.text[:300])
            assert answer.headers["Content-Type"].startswith("application/"), path


@pytest.mark.parametrize("page", PAGES)
def test_hostile_parameters_break_no_page(address: str, page: str) -> None:
    names = ("destination", "reason", "group", "user", "event", "message_id", "since", "until")
    more = ("cursor", "source", "code", "range")
    with requests.Session() as session:
        session.post(f"{address}/login", {"token": "a long secret"}, timeout=10)
        for value in HOSTILE:
            query = dict.fromkeys((*names, *more), value)
            answer = session.get(f"{address}{page}", params=query, timeout=10)
            assert answer.status_code in (200, 404, 422), (page, value[:30])
            assert "<script>alert(1)" not in answer.text


def test_no_answer_holds_a_secret(address: str, letters: int) -> None:
    assert letters
    told = [
        sent("GET", address + path.replace("{destination}", "usage"), headers=TOKEN).text
        for verb, path in routes(address)
        if verb == "GET"
    ]
    with requests.Session() as session:
        session.post(f"{address}/login", {"token": "a long secret"}, timeout=10)
        told += [session.get(f"{address}{page}", timeout=10).text for page in PAGES]
    told.append(sent("GET", f"{address}/metrics", headers=TOKEN).text)
    assert [secret for secret in SECRETS for text in told if secret in text] == []


def test_an_address_without_end_is_refused(address: str) -> None:
    assert sent("GET", f"{address}/api/{'x' * 200_000}", headers=TOKEN).status_code == 400
    assert requests.get(f"{address}/healthz", timeout=10).ok


def test_a_body_without_end_is_refused(address: str) -> None:
    big = b" " * (32 * 1024 * 1024)
    url = f"{address}/api/destinations/usage/dead-letters/replay"
    assert sent("POST", url, headers=TOKEN, data=big).status_code == 413
    assert sent("POST", f"{address}/login", data=big).status_code == 401


def test_strange_frames_of_a_logged_in_browser_break_nothing(address: str) -> None:
    asyncio.run(poke(address))
    assert requests.get(f"{address}/healthz", timeout=10).ok


FRAMES = (
    "40",
    "41",
    "42",
    "42[]",
    '42["handshake",{}]',
    '42["handshake",{"client_id":"x","tab_id":"x","document_id":"x"}]',
    '42["event",{"client_id":"x","id":1,"listener_id":"1","args":[]}]',
    '42["event",[]]',
    '42["javascript_response",{"client_id":"x","request_id":"x","result":{}}]',
    '42["ack",{}]',
    '42["log",{"client_id":"x","level":"error","message":"<b>"}]',
    "451-[]",
    "999",
    "\0",
    "4" * 100_000,
    json.dumps(["event"] * 10_000),
)


async def poke(address: str) -> None:
    url = f"ws://{urlsplit(address).netloc}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    jar = aiohttp.CookieJar(unsafe=True)  # which keeps cookies of addresses that are no names
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(f"{address}/login", data={"token": "a long secret"}) as entered:
            assert entered.ok
        for frame in FRAMES:
            async with session.ws_connect(url, origin=address) as socket:
                await socket.receive(timeout=5)
                await socket.send_str("40")
                await socket.send_str(frame)
                await socket.close()


def test_who_leaves_before_the_answer_leaves_no_fault_behind(
    configuration: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with console(configuration) as address:
        where = urlsplit(address)
        asset = f"GET /_nicegui/{version('nicegui')}/static/socket.io.min.js HTTP/1.1"
        for _ in range(40):
            with socket.create_connection((str(where.hostname), int(where.port or 0))) as wire:
                wire.sendall(
                    f"{asset}\r\nHost: {where.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
                )
                select.select([wire], [], [], 0.002)
        assert requests.get(f"{address}/healthz", timeout=10).ok
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line for line in lines if line["level"] not in ("debug", "info")] == []
