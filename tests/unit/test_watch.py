"""One look at everything, which all open pages share."""

import asyncio

import pytest
import redis
from pydantic import SecretStr

from app.actions import Actions
from app.console.watch import Look, Watch
from app.destinations.kable import KableAccount
from app.settings import Settings, SourceSettings
from app.throttle import Throttle
from tests.told import Clock

KABLE = KableAccount(id="kable", api_key=SecretStr("sk_test.x"), kable_client_id="kci_x")
WEB = SourceSettings(id="web", write_key=SecretStr("k"), destinations=("kable",))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(store: redis.Redis, store_url: str, clock: Clock) -> Watch:
    settings = Settings(
        store_url=SecretStr(store_url), sources={"web": WEB}, destinations={"kable": KABLE}
    )
    return Watch(store, settings, clock)


def looked(watch: Watch) -> Look:
    return asyncio.run(watch.look())


def test_a_look_is_shared_for_two_seconds_or_until_it_expires(watch: Watch, clock: Clock) -> None:
    first = looked(watch)
    clock.now += 1_999
    assert looked(watch) is first
    watch.expire()
    second = looked(watch)
    clock.now += 2_000
    assert len({first.at, second.at, looked(watch).at}) == 3


def test_what_flows_is_seen_against_the_oldest_look_of_ten_seconds(
    watch: Watch, clock: Clock
) -> None:
    looked(watch)
    assert watch.earlier() is None
    began = clock.now
    for _ in range(9):
        clock.now += 2_000
        looked(watch)
    earlier = watch.earlier()
    assert earlier is not None
    assert (earlier.at - began, clock.now - earlier.at) == (8_000, 10_000)


def test_a_pause_by_hand_is_told_with_its_operator(watch: Watch, store: redis.Redis) -> None:
    Throttle(store, KABLE).pause("operator", "they move")
    Actions(store, "kable").record("ann", "paused")
    Actions(store, "kable").record("bob", "edited")
    assert looked(watch).pausers == {"kable": "ann"}


def test_many_who_ask_at_once_cost_one_look(watch: Watch) -> None:
    async def crowd() -> list[Look]:
        return await asyncio.gather(*(watch.look() for _ in range(10)))

    assert len({id(look) for look in asyncio.run(crowd())}) == 1


def test_a_silent_store_is_told_within_a_second_with_what_was_seen_last(
    watch: Watch, store: redis.Redis, clock: Clock
) -> None:
    seen = looked(watch)
    clock.now += 2_000
    store.client_pause(1_500)
    silent = looked(watch)
    assert (silent.away, silent.standings) == ("it is silent", seen.standings)
    clock.now += 2_000
    assert looked(watch).away == ""
