"""The API of the console with real HTTP in front of a real store, and what its tests look at."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
import requests
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp

from app.console.access import Guard
from app.console.api import api
from app.console.desk import Desk
from app.console.session import Door
from app.console.watch import Watch
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.operating import Discards
from app.settings import OperatorSettings, Settings, SourceSettings
from app.store import connect
from tests.processes import free_port, wait_until

Json = dict[str, Any]

KABLE = KableAccount(id="kable", api_key="sk_test.x", kable_client_id="kci_x")
KANA = KanaAccount(id="kana", api_key="prv_test_x")
OPERATOR, VIEWER = "token-of-ann", "token-of-eve"
PLACES = {
    "destination": "kable",
    "letter": "1-1-1.1",
    "replay": "0123456789ab",
    "discard": "0123456789ab",
    "message_id": "m-0",
    "source": "web",
    "rule": "r",
    "flag": "f",
}


def settings(store_url: str) -> Settings:
    """Two destinations, one source, and two operators of whom `eve` may only look."""
    web = SourceSettings(id="web", write_key=SecretStr("wk"), destinations=("kable", "kana"))
    ann = OperatorSettings(id="ann", token=SecretStr(OPERATOR))
    eve = OperatorSettings(id="eve", token=SecretStr(VIEWER), read_only=True)
    return Settings(
        store_url=SecretStr(store_url),
        sources={"web": web},
        destinations={"kable": KABLE, "kana": KANA},
        operators={"ann": ann, "eve": eve},
    )


class Client(requests.Session):
    """A client of one console, with the token of `ann`."""

    def __init__(self, address: str, application: FastAPI) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {OPERATOR}"
        self.address = address
        self.application = application

    def call(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401
        """A call below /api."""
        return self.request(method, f"{self.address}/api{path}", timeout=20, **more)

    def told(self, method: str, path: str, **more: Any) -> tuple[int, Json]:  # noqa: ANN401
        """Status and JSON of a call."""
        answer = self.call(method, path, **more)
        return answer.status_code, answer.json()

    def found(self, path: str, **query: object) -> Json:
        """What a GET finds."""
        status, found = self.told("GET", path, params=query)
        assert status == 200, found
        return found

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, str, str | None]:  # noqa: ANN401
        """Status, code and field of a call that is no success."""
        status, answer = self.told(method, path, **more)
        assert answer.keys() == {"error"}, answer
        fault: Mapping[str, str | None] = answer["error"]
        assert fault.keys() == {"code", "message", "field"}
        return status, str(fault["code"]), fault["field"]


def desk_of(store: redis.Redis, store_url: str) -> Desk:
    told = settings(store_url)
    return Desk(store, told, Door(told.operators), Watch(store, told), Discards())


@contextmanager
def serving(store_url: str) -> Iterator[Client]:
    """The API behind its guard; its discards end with it."""
    with connect(store_url) as store:
        desk = desk_of(store, store_url)
        application = api(desk)
        with _listening(Guard(application, desk.door)) as address:
            with Client(address, application) as client:
                yield client
            desk.discards.close()


@contextmanager
def _listening(app: ASGIApp) -> Iterator[str]:
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="critical", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
