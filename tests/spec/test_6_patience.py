"""A store that is slow holds up the one who asked, and none of the other consoles."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
import redis

from app.console.desk import Desk
from app.console.letters import deciding
from app.console.live import Shared
from app.console.rules.kept import RuleList
from app.console.session import Operator
from app.operating import Absent
from tests.consoling import KANA, desk_of


class Beside(redis.Connection):
    """Is asked from threads, never in an event loop, which would stand still meanwhile."""

    def send_packed_command(self, *args: Any, **more: Any) -> None:  # noqa: ANN401
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        super().send_packed_command(*args, **more)


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    pool = redis.ConnectionPool.from_url(store_url, connection_class=Beside)
    with redis.Redis(connection_pool=pool) as store:
        yield desk_of(store, store_url)
    pool.disconnect()


def test_the_destination_of_a_replay_is_looked_up_beside_the_event_loop(desk: Desk) -> None:
    with pytest.raises(Absent):
        asyncio.run(deciding.replay(desk, Operator("ann"), "old", ["1-1-0.1"]))


def test_the_destinations_of_a_page_are_looked_up_beside_the_event_loop(desk: Desk) -> None:
    assert list(asyncio.run(desk.accounts())) == ["kable", "kana"]


def test_ten_pages_of_rules_ask_the_store_as_often_as_one(desk: Desk, store: redis.Redis) -> None:
    def asked_by(pages: int) -> int:
        shared, before = Shared(), asked(store)
        lists = [RuleList(desk, shared, Operator("ann"), KANA) for _ in range(pages)]

        async def read() -> None:
            await asyncio.gather(*(one.read() for one in lists))

        asyncio.run(read())
        return asked(store) - before

    asked_by(1)  # connects
    assert asked_by(10) == asked_by(1)


def asked(store: redis.Redis) -> int:
    """How many commands the store was given, without this one."""
    found = cast("dict[str, dict[str, int]]", store.info("commandstats"))
    return sum(one["calls"] for name, one in found.items() if name != "cmdstat_info")
