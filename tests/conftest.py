"""What all tests share: a real Valkey, flushed between them."""

from collections.abc import Iterator

import pytest
import redis
from hypothesis import settings

from tests.processes import free_port, store_answers, valkey, wait_until

settings.register_profile("relay", deadline=None, print_blob=True)
settings.load_profile("relay")


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    server = valkey(port, tmp_path_factory.mktemp("store"), fsync="everysec")
    wait_until(lambda: store_answers(url))
    yield url
    server.kill()
    server.wait()


@pytest.fixture
def store(store_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store_url) as client:
        client.flushall()
        yield client
