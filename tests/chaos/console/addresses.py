"""Every address that the console answers to a GET, with the worst that may be asked."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import redis
import requests

from app.dead_letters import DeadLetters, Filter
from app.replays import Replays
from tests.chaos.console.loading import KABLE, KANA, SOURCES
from tests.chaos.console.timing import LISTED_MS, PAINTED_MS
from tests.chaos.console.verbs import filters

Address = tuple[str, float]

TOKEN = "dev"
SETTINGS = """
store_url = "{store_url}"
environment = "test"

[sources.{first}]
write_key = "a"
destinations = ["kable", "kana"]

[sources.{second}]
write_key = "b"
destinations = ["kable"]

[sources.{third}]
write_key = "c"
destinations = ["kana"]

[operators.dev]
token = "dev"

[destinations.kable]
kind = "kable"
base_url = "http://127.0.0.1:9"
api_key = "sk_test.developm.00000000000000000000000000000000"
kable_client_id = "kci_00000000000000000000000000000000"

[destinations.kana]
kind = "kana"
base_url = "http://127.0.0.1:9"
api_key = "prv_test_00000000000000000000000000000000"
"""
MESSAGES = ("r-100000", "q-100001", "m-5", "n-77", "f-199999", "nothing")
STREAMED = "/api/destinations/{destination}/dead-letters/export"


def settings(store_url: str) -> str:
    """A relay.toml for the store as it is loaded."""
    first, second, third = SOURCES
    return SETTINGS.format(store_url=store_url, first=first, second=second, third=third)


def operator(console: str) -> requests.Session:
    """Somebody who is logged in, and has the token for the API too."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    session.post(f"{console}/login", data={"token": TOKEN}, timeout=30).raise_for_status()
    return session


def addresses(store: redis.Redis, described: dict[str, dict[str, object]]) -> Iterator[Address]:
    """Each with the ms within which its answer has to begin; `described` are OpenAPI's paths."""
    letter = DeadLetters(store, KABLE).page(Filter()).items[0].id
    replay = Replays(store, KABLE).newest()[0].id
    named = {
        "destination": (KABLE.id, KANA.id),
        "letter": (letter,),
        "replay": (replay,),
        "source": SOURCES[:1],
        "message_id": MESSAGES,
        "discard": (),
    }
    for path, verbs in described.items():
        if "get" in verbs and path != STREAMED:
            yield from ((one, LISTED_MS) for one in _filled(path, named))
    yield from ((f"/api/destinations/kable/{one}", LISTED_MS) for one in _asked())
    yield "/metrics", PAINTED_MS
    yield from ((one, PAINTED_MS) for one in _pages(letter, replay))


def _filled(path: str, named: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The path with each of the values that its one or two names may have."""
    if not (found := re.search(r"{(\w+)(?::path)?}", path)):
        yield path
        return
    for value in named[found[1]]:
        if "{letter}" in path and value == KANA.id:
            continue
        yield from _filled(path.replace(found[0], quote(value), 1), named)


def _asked() -> Iterator[str]:
    yield "dead-letters?limit=500"
    yield "retries?limit=500"
    yield "dead-letters/groups?reason=rejected"
    for _, filter_ in filters():
        yield f"dead-letters?{urlencode(filter_.written())}"


def _pages(letter: str, replay: str) -> Iterator[str]:
    yield from ("/", "/dead-letters", "/unconfirmed", "/retries", "/unmapped", "/flags")
    yield from ("/rejections", "/trace", "/replays", "/settings", "/actions")
    yield from ("/live", "/destinations/kable", "/destinations/kana")
    yield from ("/retries?user=q-20000", "/retries?destination=kable&user=nobody")
    yield f"/dead-letters/kable/{letter}"
    yield f"/replays/{replay}"
    yield from (f"/trace?message_id={one}" for one in MESSAGES)
    for _, filter_ in filters():
        yield f"/dead-letters?{urlencode({'destination': 'kable', **filter_.written()})}"
