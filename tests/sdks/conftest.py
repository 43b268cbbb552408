"""Ingest with the identities of `relay dev`, which the documentation's samples use."""

from collections.abc import Iterator

import pytest
import redis
from pydantic import SecretStr

from app.settings import DestinationSettings, Settings, SourceSettings
from tests.ingesting import Sender, serving


@pytest.fixture
def ingest(store: redis.Redis, store_url: str) -> Iterator[Sender]:  # noqa: ARG001 - flushed
    dev = SourceSettings(
        id="dev",
        write_key=SecretStr("dev"),
        webhook_secret=SecretStr("dev"),
        destinations=("limits",),
    )
    limits = DestinationSettings(id="limits", kind="kana", partitions=1)
    settings = Settings(
        store_url=SecretStr(store_url), sources={"dev": dev}, destinations={"limits": limits}
    )
    with serving(settings) as sender:
        sender.auth = ("dev", "")
        yield sender
