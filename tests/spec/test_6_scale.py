"""What operators read costs what it shows, and not what there is."""

from collections.abc import Callable

import pytest
import redis

from app.append import Admission
from app.dead_letters import DeadLetters, Filter
from app.keys import destination_key
from app.log import Log
from app.settings import DestinationSettings
from tests.burying import FAULTS, bury, bury_logged
from tests.told import Clock

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
