"""A new group of dead letters is told once, by one pump of all; a flood of groups is bounded."""

from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from app import dead_letters
from app.burials import Burials
from app.dead_letters import DeadLetters, Filter
from app.log import Log
from app.moves import Leased, Reading, Recorded
from app.settings import DestinationSettings
from app.verdict import buried_unsent
from tests.burying import admission
from tests.told import Clock

DAY_MS = 24 * 3600 * 1000
ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=1, pumps=2)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Iterator[Log]:
    log = Log(store, ACCOUNT, clock)
    yield log
    assert log.census().unaccounted == 0


def bury(log: Log, whys: list[str], number: int = 1) -> Recorded:
    """Bury a delivery for each reason, in one step of a pump that has begun anew."""
    token = f"pump-{log.now()}-{whys[0]}"
    log.append([admission(log.now() * 1_000 + n) for n in range(len(whys))])
    leased = log.lease(token, 1)
    assert isinstance(leased, Leased)
    heads = log.heads(token, [Reading(p, "", 1_000, 0) for p in leased.partitions]).heads
    buried = [
        buried_unsent(head, "rejected", why, log.now())
        for head, why in zip(heads, whys, strict=True)
    ]
    recorded = log.settle(token, number, buried)
    assert log.settle(token, number, buried) == recorded
    log.release(token)
    return recorded


def test_the_first_letter_of_a_group_is_told_and_no_later_one(log: Log, clock: Clock) -> None:
    first = bury(log, ["no plan", "no user", "no plan"])
    clock.now += 1
    later = bury(log, ["no user", "no plan"])
    told = [dead_letters.decode(letter).message for letter in first.opened]
    assert (told, first.flooded) == (["no plan", "no user"], False)
    assert later == Recorded(2)


def test_a_group_that_comes_back_is_told_again_after_a_day(
    log: Log, store: redis.Redis, clock: Clock
) -> None:
    letters = DeadLetters(store, ACCOUNT, clock)
    told = []
    for wait in (0, 1_000, DAY_MS):
        clock.now += wait
        told.append(len(bury(log, ["no plan"]).opened))
        letters.discard([one.id for one in letters.page(Filter()).items])
    assert told == [1, 0, 1]


def test_of_a_flood_of_groups_fifty_are_told_and_once_that_there_are_more(
    log: Log, clock: Clock
) -> None:
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)]
    flood = bury(log, words)
    clock.now += 1
    more = bury(log, [f"z{word}" for word in words])
    assert (len(flood.opened), flood.flooded) == (50, True)
    assert more == Recorded(200)


def test_what_is_told_of_a_group_is_its_reason_and_its_message_without_names(log: Log) -> None:
    with capture_logs() as lines:
        Burials("kable").news(bury(log, ['no client "acme" of ann@example.com, 17 asked']))
    (line,) = lines
    del line["group"]
    assert line == {
        "event": "group.opened",
        "log_level": "warning",
        "destination": "kable",
        "reason": "rejected",
        "status": None,
        "why": "no client * of *, 17 asked",
    }
