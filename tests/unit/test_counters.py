import asyncio

import redis

from app.counters import Counters, Tally, tally
from app.store import connect_async


async def counted(url: str) -> None:
    async with connect_async(url) as store:
        counters = Counters(store)
        for name in ("accepted", "accepted", "deduplicated", "unrouted", "ignored"):
            counters.count("web", name)
        counters.refused("web", "no_user_anon_id", {})
        counters.refused("web", "bad_request", {}, 4001)
        await counters.flush()


def test_a_tally_tells_what_came_of_a_sources_events(store: redis.Redis, store_url: str) -> None:
    asyncio.run(counted(store_url))
    refused = {"bad_request": 4001, "no_user_anon_id": 1}
    assert tally(store, "web") == Tally(2, 1, 1, refused)


def test_a_source_that_has_sent_nothing_has_a_tally_of_nothing(store: redis.Redis) -> None:
    assert tally(store, "web") == Tally(0, 0, 0, {})
