"""The sample of what happens to events just now."""

import asyncio
import json

import pytest
import redis
from pydantic import SecretStr

from app.console.pages.live import rows, told, wrongs
from app.console.stream import KEPT, Happening, Stream, some
from app.console.watch import Look
from app.destinations.kable import KableAccount
from app.keys import SourceKeys, destination_key
from app.log import Log
from app.settings import Settings, SourceSettings
from app.settled import Finished, encode
from tests.burying import bury
from tests.told import Clock

KABLE = KableAccount(id="kable", api_key=SecretStr("sk_test.x"), kable_client_id="kci_x")
WEB = SourceSettings(id="web", write_key=SecretStr("k"), destinations=("kable",))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream(store: redis.Redis, store_url: str, clock: Clock) -> Stream:
    settings = Settings(
        store_url=SecretStr(store_url), sources={"web": WEB}, destinations={"kable": KABLE}
    )
    return Stream(store, settings, clock)


def settle(store: redis.Redis, at: int, *ids: str) -> None:
    """As settle.lua keeps it."""
    finished = encode(Finished(id_, "delivered", at - 12, 2) for id_ in ids)
    store.lpush(destination_key("kable", "settled"), b"%d %s" % (at, finished))


def read(stream: Stream, clock: Clock) -> list[Happening]:
    clock.now += 1_000
    return asyncio.run(stream.newest())


def test_what_is_finished_buried_or_refused_is_told_once_the_newest_first(
    stream: Stream, store: redis.Redis, clock: Clock
) -> None:
    settle(store, clock.now, "m-1#2")
    bury(Log(store, KABLE), 1, now=clock.now + 1)
    store.hset(SourceKeys("web").counts, "refused:x", 1)
    sample = {"at": "2023-11-15T00:00:00.000Z", "message": "<b>", "event": "{}"}
    store.lpush(SourceKeys("web").refused("x"), json.dumps(sample))
    found = [
        (one.where, one.outcome, one.message_id, one.words, one.address)
        for one in (*read(stream, clock), *read(stream, clock)[3:])
    ]
    assert found == [
        ("web", "refused", "", "x: <b>", "/rejections?source=web&code=x"),
        (
            "kable",
            "dead",
            "m-0",
            "exhausted: Kable answered 500",
            "/trace?message_id=m-0",
        ),
        ("kable", "delivered", "m-1#2", "after 12 ms, 2 attempts", "/trace?message_id=m-1"),
    ]


def test_of_many_some_are_told_and_a_bounded_number_is_kept(
    stream: Stream, store: redis.Redis, clock: Clock
) -> None:
    counts = []
    for second in range(25):
        settle(store, clock.now + second, *(f"m-{second}-{n}" for n in range(500)))
        counts.append(len(read(stream, clock)))
    assert counts[:2] == [20, 40]
    assert counts[-1] == KEPT


def test_within_a_second_the_store_is_asked_once(
    stream: Stream, store: redis.Redis, clock: Clock
) -> None:
    assert read(stream, clock) == []
    settle(store, clock.now, "m-1")
    assert asyncio.run(stream.newest()) == []
    assert len(read(stream, clock)) == 1


def test_some_are_evenly_spread() -> None:
    assert list(some(range(10), 4)) == [0, 2, 5, 7]
    assert list(some(range(3), 4)) == [0, 1, 2]


def test_filters_choose_by_destination_and_outcome() -> None:
    found = [
        Happening("2023-11-15T00:00:01.000Z", "kable", "delivered", "a", "", ""),
        Happening("2023-11-15T00:00:00.000Z", "kana", "dead", "b", "", ""),
    ]
    shown = [[row["message_id"] for row in rows(found, *by)] for by in (("", ""), ("kana", ""))]
    assert shown == [["a", "b"], ["b"]]
    assert [row["at"] for row in rows(found, "", "delivered")] == ["00:00:01.000"]


def test_a_filter_that_names_nothing_is_told() -> None:
    assert [wrong.partition(":")[0] for wrong in wrongs(["kable"], "x", "y")] == [
        "destination",
        "outcome",
    ]
    assert wrongs(["kable"], "kable", "dead") == []


def test_it_says_that_it_is_a_sample() -> None:
    assert told(Look(1), None, "") == (
        "A sample: at most 20 a second of each destination; counting. Times are in UTC."
    )
