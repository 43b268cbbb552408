"""Ingest with real HTTP in front of a real store, and what its tests look at."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Any, cast

import redis
import requests
import uvicorn
from pydantic import SecretStr

from app.delivery import Delivery
from app.destinations import KINDS
from app.ingest import Ingest
from app.ingest.routing import TYPES
from app.keys import SourceKeys
from app.log import Log
from app.moves import Leased, Reading
from app.settings import DestinationSettings, Settings, SourceSettings
from app.store import connect_async
from tests.processes import free_port, wait_until

TEST_KINDS = {
    "kable": KINDS["kable"],
    "kana": replace(KINDS["kable"], kind="kana", name="Kana", accepts=TYPES),
}
SECRET = "shared"
OK = (200, "application/json", '{"success": true}')


def settings(
    url: str,
    store_wait: timedelta = timedelta(seconds=3),
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = (),
) -> Settings:
    return Settings(
        store_url=SecretStr(url),
        sources={
            "web": SourceSettings(
                id="web",
                write_key=SecretStr("key"),
                webhook_secret=SecretStr(SECRET),
                destinations=("usage", "limits"),
            ),
            "app": SourceSettings(id="app", write_key=SecretStr("other"), destinations=("usage",)),
        },
        destinations={
            "usage": DestinationSettings(id="usage", kind="kable", partitions=1),
            "limits": DestinationSettings(id="limits", kind="kana", partitions=1),
        },
        store_wait=store_wait,
        trusted_proxies=trusted_proxies,
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
    config = uvicorn.Config(
        app, port=port, log_level="error", lifespan="on", access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    with Sender(f"http://127.0.0.1:{port}", wakes) as sender:
        yield sender
    server.should_exit = True
    thread.join()


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
    heads = log.heads("test", [Reading(p, "", 10_000, 0) for p in leased.partitions]).heads
    log.release("test")
    return [head.delivery for head in heads]


def counts(store: redis.Redis, source: str = "web") -> dict[str, int]:
    found = cast("dict[bytes, bytes]", store.hgetall(SourceKeys(source).counts))
    return {name.decode(): int(count) for name, count in found.items() if int(count)}


def events(store: redis.Redis, destination: str = "limits") -> list[dict[str, Any]]:
    """The events that wait for a destination, in order; `limits` takes every type."""
    return [json.loads(delivery.event) for delivery in kept(store, destination)]
