"""The API of the console as its clients see it, in front of a real store."""

from collections.abc import Mapping
from typing import Any

import redis
from pydantic import SecretStr
from starlette.testclient import TestClient

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

Json = dict[str, Any]

KABLE = KableAccount(id="kable", api_key="sk_test.x", kable_client_id="kci_x")
KANA = KanaAccount(id="kana", api_key="prv_test_x")


def settings(store_url: str) -> Settings:
    """Two destinations, one source, and two operators of whom `eve` may only look."""
    web = SourceSettings(
        id="web", write_key=SecretStr("write-key"), destinations=("kable", "kana")
    )
    ann = OperatorSettings(id="ann", token=SecretStr("token-of-ann"))
    eve = OperatorSettings(id="eve", token=SecretStr("token-of-eve"), read_only=True)
    return Settings(
        store_url=SecretStr(store_url),
        sources={"web": web},
        destinations={"kable": KABLE, "kana": KANA},
        operators={"ann": ann, "eve": eve},
    )


class Console:
    """A client of the API, with the token of `ann`."""

    def __init__(self, store_url: str, store: redis.Redis | None = None) -> None:
        told = settings(store_url)
        client = connect(store_url) if store is None else store
        desk = Desk(client, told, Door(told.operators), Watch(client, told))
        self.discards = Discards()
        self.application = api(desk, self.discards)
        guarded = Guard(self.application, desk.door)
        self.client = TestClient(
            guarded,
            raise_server_exceptions=False,
            headers={"Authorization": "Bearer token-of-ann"},
        )

    def __call__(self, method: str, path: str, **more: Any) -> tuple[int, Json]:  # noqa: ANN401
        """Status and JSON of a call below /api."""
        answer = self.client.request(method, f"/api{path}", **more)
        return answer.status_code, answer.json()

    def get(self, path: str, **query: object) -> Json:
        """What is found there."""
        status, found = self("GET", path, params=query)
        assert status == 200, found
        return found

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, Mapping[str, object]]:  # noqa: ANN401
        """Status and fault of a call that is no success."""
        status, found = self(method, path, **more)
        assert found.keys() == {"error"}, found
        return status, found["error"]
