"""Nobody passes into the console without a token or a session."""

import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.processes import console

SETTINGS = """
store_url = "{store_url}"

[sources.web]
write_key = "key"
destinations = ["usage"]

[destinations.usage]
kind = "kable"
api_key = "sk_test.0.0"
kable_client_id = "kci"

[operators.ann]
token = "a long secret"
"""
TOKEN = "a long secret"
SHUT = ("/", "/dead-letters", "/settings", "/nowhere", "/api", "/api/destinations", "/metrics")


@pytest.fixture(scope="module")
def address(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("console") / "relay.toml"
    path.write_text(SETTINGS.format(store_url=store_url))
    with console(path) as address:
        yield address


def asked(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, allow_redirects=False, timeout=10)


def entered(address: str) -> requests.Session:
    session = requests.Session()
    session.post(f"{address}/login", {"token": TOKEN}, timeout=10)
    return session


@pytest.mark.parametrize("path", SHUT)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": "Basic " + b64encode(f"ann:{TOKEN}".encode()).decode()},
        {"Cookie": "relay_session=ann.99999999999.0"},
        {"Cookie": f"relay_session={TOKEN}"},
        {"Cookie": 'relay_session="; a=\\"'},
    ],
)
def test_what_is_shut_stays_shut(address: str, path: str, headers: dict[str, str]) -> None:
    answer = asked(f"{address}{path}", **headers)
    if path.startswith(("/api", "/metrics")):
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["error"]["code"] == "unauthorised"
    else:
        assert answer.status_code == 303
        assert urlsplit(answer.headers["Location"]).path == "/login"


def test_a_bearer_token_opens_no_page_and_a_session_no_api(address: str) -> None:
    assert asked(f"{address}/", Authorization=f"Bearer {TOKEN}").status_code == 303
    with entered(address) as session:
        assert session.get(f"{address}/", timeout=10).status_code == 200
        assert session.get(f"{address}/api/destinations", timeout=10).status_code == 401


def test_a_session_is_known_beside_the_cookies_of_others(address: str) -> None:
    with entered(address) as session:
        [own] = [f"{one.name}={one.value}" for one in session.cookies]
    odd = f'prefs={{"a":1}}; x[]=y; {own}; b="'
    assert asked(f"{address}/", Cookie=odd).status_code == 200


def test_a_wrong_token_is_told_so(address: str) -> None:
    answer = requests.post(f"{address}/login", {"token": "wrong"}, timeout=10)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
    assert "token of no operator" in answer.text


def test_a_login_leads_back_to_where_one_was_going(address: str) -> None:
    asked_for = "/dead-letters?group=a&user=%22b%22"
    login = asked(f"{address}{asked_for}").headers["Location"]
    answer = requests.post(
        f"{address}{login}", {"token": TOKEN}, allow_redirects=False, timeout=10
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, asked_for)
    cookie = answer.headers["Set-Cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "max-age=43200"))


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", "x"]
)
def test_a_login_leads_to_no_other_site(address: str, elsewhere: str) -> None:
    url = requests.Request("POST", f"{address}/login", params={"next": elsewhere}).prepare().url
    answer = requests.post(str(url), {"token": TOKEN}, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_logout_ends_the_session_of_the_browser(address: str) -> None:
    with entered(address) as session:
        assert session.post(f"{address}/logout", timeout=10).url == f"{address}/login"
        assert not session.cookies


def test_pages_tell_browsers_to_trust_nobody_else(address: str) -> None:
    headers = asked(f"{address}/login").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("origin", [None, "http://evil.example"])
def test_a_socket_opens_only_with_a_session_and_from_this_site(
    address: str, origin: str | None
) -> None:
    with entered(address) as session:
        cookie = "; ".join(f"{one.name}={one.value}" for one in session.cookies)
    assert upgraded(address, Cookie=cookie, Origin=origin or address) is (origin is None)
    assert not upgraded(address, Cookie="relay_session=ann.99999999999.0", Origin=address)


def upgraded(address: str, **headers: str) -> bool:
    """Whether the server turns a connection into a WebSocket of NiceGUI's."""
    where = urlsplit(address)
    told = {
        "Host": where.netloc,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": b64encode(b"0123456789abcdef").decode(),
        **headers,
    }
    lines = [f"{name}: {value}" for name, value in told.items()]
    path = "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1"
    with socket.create_connection((str(where.hostname), int(where.port or 0)), 10) as wire:
        wire.sendall("\r\n".join([path, *lines, "", ""]).encode())
        return b" 101 " in wire.recv(64)


def test_a_console_without_operators_does_not_start(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text(SETTINGS.format(store_url=store_url).partition("[operators.ann]")[0])
    words = (
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "app.console:application",
        "--port",
        "0",
    )
    environ = {**os.environ, "RELAY_CONFIG": str(path)}
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "the console needs an operator: set operators.<name>.token" in ended.stderr
