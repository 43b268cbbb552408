"""Ingest as senders see it."""

from collections.abc import Iterator

import pytest
import redis

from tests.ingesting import Sender, serving, settings


@pytest.fixture
def ingest(store: redis.Redis, store_url: str) -> Iterator[Sender]:  # noqa: ARG001 - flushed
    with serving(settings(store_url)) as sender:
        yield sender
