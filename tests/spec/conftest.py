"""Ingest as senders see it, and the API as operators' programs see it."""

from collections.abc import Iterator

import pytest
import redis

from tests import consoling
from tests.ingesting import Sender, serving, settings
from tests.processes import sandbox


@pytest.fixture
def ingest(store: redis.Redis, store_url: str) -> Iterator[Sender]:  # noqa: ARG001 - flushed
    with serving(settings(store_url)) as sender:
        yield sender


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the sandbox's Kable, which no other module has misused."""
    with sandbox() as running:
        yield f"{running}/kable"


@pytest.fixture(scope="session")
def served_console(store_url: str) -> Iterator[consoling.Client]:
    with consoling.serving(store_url) as client:
        yield client


@pytest.fixture
def console(
    store: redis.Redis,  # noqa: ARG001 - flushed
    served_console: consoling.Client,
) -> consoling.Client:
    return served_console
