"""What the console reads of dead letters: trends of groups, a letter's neighbours, its fate."""

import pytest
import redis

from app.actions import Actions
from app.console.desk import Desk
from app.console.letters.asked import asked
from app.console.letters.finding import Found, found_letter
from app.dead_letters import DeadLetters, Filter, Neighbours, neighbours, trends
from app.log import Log
from app.replays import Replays
from app.settings import DestinationSettings
from tests.burying import FAULTS, Fault, bury
from tests.consoling import KABLE, desk_of
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4)
HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


@pytest.fixture
def letters(store: redis.Redis, clock: Clock) -> DeadLetters:
    return DeadLetters(store, ACCOUNT, clock)


@pytest.fixture
def desk(store: redis.Redis, store_url: str) -> Desk:
    return desk_of(store, store_url)


def by_turns(number: int) -> Fault:
    return FAULTS[number % 2]


def test_a_trend_counts_by_the_hour_what_was_buried_within_a_day(
    store: redis.Redis, log: Log, clock: Clock, letters: DeadLetters
) -> None:
    bury(log, 3, lambda _: FAULTS[0])
    clock.now += 23 * HOUR_MS
    bury(log, 5, lambda _: FAULTS[0])
    [group] = letters.groups()
    now = clock.now + 1_000
    assert trends(store, "kable", [group.id, "none"], now) == {
        group.id: (3, *[0] * 22, 2),
        "none": (0,) * 24,
    }
    later = trends(store, "kable", [group.id], now + 2 * HOUR_MS)
    assert later == {group.id: (*[0] * 21, 2, 0, 0)}


def test_the_neighbours_of_a_letter_are_those_of_its_filter(
    log: Log, letters: DeadLetters
) -> None:
    bury(log, 6, by_turns)
    filter_ = Filter(reason=FAULTS[0][0])
    newest, middle, oldest = letters.page(filter_).items
    assert neighbours(letters, filter_, middle.at) == Neighbours(newest, oldest)
    assert neighbours(letters, filter_, newest.at) == Neighbours(None, middle)
    assert neighbours(letters, filter_, oldest.at) == Neighbours(middle, None)


def test_letters_of_a_page_are_read_with_their_deliveries(log: Log, letters: DeadLetters) -> None:
    bury(log, 3)
    found = letters.page(Filter()).items
    letters.discard([found[1].id])
    opened = list(letters.deliveries(found))
    assert [one.id for one in opened] == [found[0].id, found[2].id]
    assert [one.delivery.id for one in opened] == [found[0].letter.id, found[2].letter.id]


def test_a_letter_under_way_names_the_replay_that_took_it(
    store: redis.Redis, clock: Clock, log: Log, letters: DeadLetters
) -> None:
    bury(log, 1, lambda _: FAULTS[0])
    [letter] = letters.page(Filter()).items
    replays = Replays(store, ACCOUNT, clock)
    assert replays.taking(letter.id) is None
    begun = replays.begin([letter.id], None, "dev")
    clock.now += 1_000
    replays.step()
    assert replays.taking(letter.id) == replays.one(begun.id)
    assert replays.taking("no letter") is None


def test_a_count_that_scans_says_how_far_it_is_and_can_be_ended(
    store: redis.Redis, clock: Clock, log: Log, letters: DeadLetters
) -> None:
    bury(log, 1_200)
    filter_, heard = Filter(reason="rejected", event="Call"), list[int]()
    survey = Replays(store, ACCOUNT, clock).dry_run(filter_, heard.append)
    assert survey.count == letters.count(filter_) == 600
    assert heard == sorted(heard)
    assert heard
    with pytest.raises(ZeroDivisionError):
        letters.count(filter_, looked=lambda _: 1 // 0)


def test_only_the_whole_id_of_a_letter_finds_what_became_of_it(
    store: redis.Redis, desk: Desk
) -> None:
    record = Actions(store, "kable").record
    record("ann", "discarded", 12, "user 7-1-0.1: 31-1-0.1a, 8-1-0.1 and 10 more")
    whole = found_letter(desk, KABLE, "8-1-0.1", asked({}, []))
    assert whole.action is not None
    for other in ("1-1-0.1", "31-1-0.1", "7-1-0.1"):
        assert found_letter(desk, KABLE, other, asked({}, [])) == Found()
