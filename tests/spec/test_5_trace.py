"""Whoever asks what became of an event gets an answer, wherever its deliveries are."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import redis

from app import delivery, trace
from app.append import Admission
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.settings import DestinationSettings
from app.trace import Happening, Trace, Wanted, traces
from app.verdict import buried_unsent, parked
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4)
SOURCES = ("web", "app")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


def heads(log: Log, *ids: str) -> Sequence[Head]:
    """The deliveries of user-1 under these ids, read by a pump."""
    log.append([Admission(one, "web", "user-1", b'{"type":"track"}') for one in ids])
    leased = log.lease("pump", 4)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 99, 99) for p in leased.partitions]).heads


def found(store: redis.Redis, wanted: Wanted) -> list[Trace]:
    """What a trace finds, without the moment of acceptance, which the store's clock tells."""
    return [
        replace(one, history=tuple(h for h in one.history if h.what != "accepted"))
        for one in traces(store, ACCOUNT, wanted, SOURCES)
    ]


def test_what_never_came_is_nowhere(store: redis.Redis, log: Log) -> None:
    heads(log, "m-2")
    assert found(store, Wanted("m-1")) == []
    assert found(store, Wanted("m")) == []
    assert found(store, Wanted("")) == []


def test_what_waits_is_found_in_the_log(store: redis.Redis, log: Log) -> None:
    [head] = heads(log, "m-1")
    waiting = Trace(
        "kable", "m-1", ("waiting",), (Happening(head.delivery.accepted_at, "accepted"),)
    )
    assert traces(store, ACCOUNT, Wanted("m-1"), SOURCES) == [waiting]
    assert traces(store, ACCOUNT, Wanted("m-1", "web", "user-1"), SOURCES) == [waiting]
    assert found(store, Wanted("m-1", source="app")) == []


def test_what_waits_as_bulk_is_found_too(store: redis.Redis, log: Log) -> None:
    log.append([Admission("m-1", "web", "user-1", b"{}", bulk=True)])
    for wanted in (Wanted("m-1"), Wanted("m-1", "web", "user-1")):
        [trace] = traces(store, ACCOUNT, wanted, SOURCES)
        assert trace.places == ("waiting",)


def test_a_retry_tells_when_it_is_due(store: redis.Redis, log: Log, clock: Clock) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [Settlement(head, "retry", 500, delivery.encode(head.delivery))])
    due = Happening(clock.now + 500, "due")
    assert found(store, Wanted("m-1")) == [Trace("kable", "m-1", ("retrying",), (due,))]


def test_a_dead_letter_tells_why(store: redis.Redis, log: Log) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [buried_unsent(head, "rejected", "no user", 5_000)])
    buried = Happening(5_000, "buried", error="rejected: no user", attempts=0)
    assert found(store, Wanted("m-1")) == [Trace("kable", "m-1", ("dead",), (buried,))]


def test_what_nothing_maps_is_found(store: redis.Redis, log: Log, clock: Clock) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [parked(head)])
    at = Happening(clock.now, "parked")
    assert found(store, Wanted("m-1")) == [Trace("kable", "m-1", ("unmapped",), (at,))]


def test_what_was_just_finished_tells_when_and_after_how_many_attempts(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [Settlement(head, "delivered")])
    at = Happening(clock.now, "delivered", attempts=1)
    assert found(store, Wanted("m-1")) == [Trace("kable", "m-1", ("finished",), (at,))]


def test_what_was_finished_long_ago_is_known_by_its_digest(store: redis.Redis, log: Log) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [Settlement(head, "delivered")])
    store.delete("relay:{kable}:settled")
    assert found(store, Wanted("m-1", "web")) == [Trace("kable", "m-1", ("finished",))]
    assert found(store, Wanted("m-1", "app")) == []


def test_a_digest_of_the_former_generation_is_known_too(
    store: redis.Redis, log: Log, clock: Clock
) -> None:
    [head] = heads(log, "m-1")
    log.settle("pump", 1, [Settlement(head, "skipped")])
    store.delete("relay:{kable}:settled")
    clock.now += 24 * 3_600_000
    heads(log, "m-2")
    assert found(store, Wanted("m-1")) == [Trace("kable", "m-1", ("finished",))]


def test_the_parts_of_an_event_are_told_apart(store: redis.Redis, log: Log) -> None:
    first, second, *_ = heads(log, "m-1#1", "m-1#2", "m-1#x", "m-10")
    log.settle(
        "pump", 1, [buried_unsent(first, "rejected", "no", 5), Settlement(second, "skipped")]
    )
    places = {one.id: one.places for one in found(store, Wanted("m-1"))}
    assert places == {"m-1#1": ("dead",), "m-1#2": ("finished",)}


def test_a_search_that_ends_early_says_so(store: redis.Redis, log: Log) -> None:
    other = "user-2"
    assert log.layout.partition(other) != log.layout.partition("user-1")
    log.append([Admission(f"w-{n}", "web", other, b"{}") for n in range(trace.SEARCHED_MAX + 1)])
    [head] = [head for head in heads(log, "m-1") if head.delivery.id == "m-1"]
    log.settle("pump", 1, [Settlement(head, "delivered")])
    store.delete("relay:{kable}:settled")
    why = "more than 20,000 deliveries are waiting; name its user with --user"
    assert found(store, Wanted("m-1")) == [
        Trace("kable", "m-1", ("waiting", "finished"), note=why)
    ]
    why = "only what user user-1 has was looked through"
    assert found(store, Wanted("m-1", user="user-1")) == [
        Trace("kable", "m-1", ("finished",), note=why)
    ]
