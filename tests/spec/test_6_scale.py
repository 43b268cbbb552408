"""What operators read costs what it shows, and not what there is."""

from collections.abc import Callable

import pytest
import redis

from app.append import Admission
from app.dead_letters import DeadLetters, Filter, Reindexing
from app.keys import destination_key
from app.log import Log
from app.settings import DestinationSettings
from tests.burying import FAULTS, bury, bury_logged
from tests.told import Clock

NAMES = (("dead:users", b":u-1:", b"u-0"), ("dead:events", b":Call:", b"Search"))
ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4)


@pytest.fixture
def log(store: redis.Redis) -> Log:
    return Log(store, ACCOUNT, Clock())


@pytest.fixture
def letters(store: redis.Redis) -> DeadLetters:
    return DeadLetters(store, ACCOUNT)


def calls(store: redis.Redis, command: str, act: Callable[[], object]) -> int:
    """How often the store is asked by a command while something is done."""
    store.config_resetstat()
    act()
    return int(store.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def bury_named(log: Log, users: list[str]) -> None:
    log.append([Admission(f"x-{n}", "web", user, b"{}") for n, user in enumerate(users)])
    bury_logged(log)


def ids(letters: DeadLetters, filter_: Filter) -> list[str]:
    return [one.letter.id for one in letters.scan(filter_)]


def test_what_a_user_or_an_event_has_is_known_without_a_look_at_others(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    bury(log, 12_000)
    for filter_, count in ((Filter(user="u-7"), 1), (Filter(event="No such"), 0)):
        assert calls(store, "hmget", lambda f=filter_: letters.page(f)) == count
        assert calls(store, "hmget", lambda f=filter_: letters.count(f)) == 0
        assert letters.count(filter_) == count
    assert letters.count(Filter(event="Call")) == 6_000


def test_no_name_of_a_user_reaches_into_what_another_has(log: Log, letters: DeadLetters) -> None:
    users = ["u", "uu", "u:", "u:1", "1:u", "u:0000000000000000:x", "ü", "\0", "u\0"]
    bury_named(log, users)
    assert {user: ids(letters, Filter(user=user)) for user in users} == {
        user: [f"x-{n}"] for n, user in enumerate(users)
    }


def test_a_moment_far_away_bounds_what_a_user_or_an_event_has_as_it_bounds_all(
    log: Log, letters: DeadLetters
) -> None:
    bury(log, 20)
    for far in ("2286-11-20T17:46:40Z", "2400-01-01", "9999-12-31"):
        for who, count in (({}, 20), ({"user": "u-3"}, 1), ({"event": "Call"}, 10)):
            since, until = (Filter.read({**who, name: far}) for name in ("since", "until"))
            assert (letters.count(since), letters.count(until)) == (0, count)
            assert (ids(letters, since), len(ids(letters, until))) == ([], count)


def test_a_filter_of_two_things_reads_by_the_one_that_fewer_letters_have(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    bury(log, 12_000)
    few = Filter(user="u-7", event="Call", reason="rejected")
    assert calls(store, "hmget", lambda: letters.page(few)) == 1
    doubtful = Filter(event="Search", reason="unconfirmed")
    assert calls(store, "hmget", lambda: letters.count(doubtful)) == 600 / 500 + 0.8
    assert (letters.count(few), letters.count(doubtful)) == (1, 600)


def test_what_an_older_release_buried_is_found_by_its_user_all_the_same(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    bury(log, 3)
    store.delete(*(destination_key("kable", name) for name in ("dead:users", "dead:events")))
    bury_named(log, ["u-1"])
    assert sorted(ids(letters, Filter(user="u-1"))) == ["m-1", "x-0"]


def test_what_an_older_release_did_beside_newer_ones_is_mended_step_by_step(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    """It buried one that no set names, and let go of one without a word to the sets."""
    bury(log, 2_000)
    for key, lost, gone in NAMES:
        members = store.zrange(destination_key("kable", key), 0, -1)
        store.zrem(destination_key("kable", key), next(one for one in members if lost in one))
        store.zadd(destination_key("kable", key), {b"%d:%s:9:1-1-1" % (len(gone), gone): 0})
    clock = Clock()
    reindexing = Reindexing(store, "kable", clock)
    assert letters.count(Filter(user="u-1")) == 0
    assert [reindexing.step() for _ in range(5)] == [0, 0, 0, 0, 4]
    assert [letters.count(Filter(user=user)) for user in ("u-0", "u-1", "u-2")] == [1, 1, 1]
    assert [letters.count(Filter(event=event)) for event in ("Call", "Search")] == [1_000] * 2


def test_what_an_older_release_left_is_indexed_when_beat_begins_and_looked_at_once_an_hour(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    bury(log, 30)
    sets = [destination_key("kable", key) for key, _, _ in NAMES]
    indexed = [store.zrange(one, 0, -1) for one in sets]
    clock = Clock()
    reindexing, found = Reindexing(store, "kable", clock), []
    for later in (0, 1_000, 3_600_000):
        store.delete(*sets)
        clock.now += later
        found.append(reindexing.step())
    assert found == [60, 0, 60]
    assert [store.zrange(one, 0, -1) for one in sets] == indexed
    assert calls(store, "hmget", lambda: letters.count(Filter(user="u-1"))) == 0


def test_a_thousand_groups_are_walked_in_few_readings(
    store: redis.Redis, log: Log, letters: DeadLetters
) -> None:
    """One has nearly all letters, so that it is read again and again, and the others once."""

    def fault(number: int) -> tuple[str, str]:
        return FAULTS[0] if number % 10 else ("rejected", f"unknown field {_word(number)}")

    bury(log, 9_000, fault)
    rejected = Filter(reason="rejected")
    assert len(letters.groups()) == 901
    assert calls(store, "zrange", lambda: letters.page(rejected)) < 910
    assert calls(store, "zrange", lambda: letters.count(rejected)) == 0
    assert calls(store, "zrange", lambda: list(letters.looks(rejected))) < 950


def _word(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
