"""A replay sends dead letters through transform again, at a pace: each once, none forgotten."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest
import redis
import requests

from app import delivery
from app.client import Client
from app.dead_letters import Burial, DeadLetters, Filter, Opened
from app.destinations.kable import KABLE, KableAccount
from app.fingerprint import fingerprint
from app.keys import destination_key
from app.lane import Lane
from app.log import Log
from app.moves import Leased, Reading, Settlement, Verb
from app.pump import Pump, Report
from app.replays import BadRate, Replay, ReplayRunning, Replays, Survey, TooManyIds, default_rate
from app.settings import RetrySettings
from app.throttle import Throttle
from app.tick import Tick
from app.wake import Wakes
from tests.burying import Fault, bury_logged
from tests.spec.test_3_pump import admission, billed, misbehave
from tests.told import Clock

ALL = Filter()


@pytest.fixture
def account(address: str) -> KableAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    return KableAccount(
        id="kable",
        kind="kable",
        base_url=address,
        api_key="sk_test.abcdefgh.secret",
        kable_client_id="kci_0123",
        partitions=4,
        pumps=1,
        retry=RetrySettings(attempts_max=2, wait_initial=timedelta(milliseconds=1)),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, account: KableAccount, clock: Clock) -> Iterator[Log]:
    """After the test nothing is unaccounted for, stuck, or under way in two replays."""
    log = Log(store, account, clock)
    yield log
    assert log.census().unaccounted == 0
    assert log.sweep() == 0


@pytest.fixture
def replays(store: redis.Redis, account: KableAccount, clock: Clock) -> Replays:
    return Replays(store, account, clock)


@pytest.fixture
def pump(store: redis.Redis, account: KableAccount, clock: Clock) -> Callable[[], Report]:
    def run() -> Report:
        with closing(Client(KABLE, account)) as client:
            lane = lane_of(store, account, clock, client)
            return Pump(lane, token="pump", clock=clock).run()

    return run


def lane_of(store: redis.Redis, account: KableAccount, clock: Clock, client: Client) -> Lane:
    log, throttle = Log(store, account, clock), Throttle(store, account, clock)
    wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
    return Lane(KABLE, account, log, throttle, client, wakes)


def bury(log: Log, clock: Clock, count: int, fault: Fault = ("rejected", "why")) -> None:
    """Letters m-0, m-1, ... of 40 users, buried before a moment that has passed."""
    log.append([admission(n, f"user-{n % 40}") for n in range(count)])
    bury_logged(log, lambda _: fault, clock.now)
    clock.now += 1_000


def step(replays: Replays, clock: Clock) -> int:
    """How many letters a tick moves, a second after the last."""
    clock.now += 1_000
    news = replays.step()
    return news.moved if news else 0


def ended(replays: Replays, clock: Clock, pump: Callable[[], Report], begun: Replay) -> Replay:
    """The replay, after as many ticks and pumps as it takes."""
    for _ in range(10):
        if step(replays, clock):
            pump()
        clock.now += 1_000
        if (now := told(replays, begun)).state != "running":
            return now
    raise AssertionError(now)


def told(replays: Replays, begun: Replay) -> Replay:
    found = replays.one(begun.id)
    assert found
    return found


def outcomes(replay: Replay) -> dict[str, int]:
    names = ("total", "replayed", "delivered", "skipped", "dead", "unmapped")
    return {name: value for name in names if (value := getattr(replay, name))}


def ids(store: redis.Redis) -> list[str]:
    lying = store.zrange(destination_key("kable", "dead:at"), 0, -1, withscores=True)
    return [Burial(key.decode(), int(at)).id for key, at in lying]


def test_a_thousand_letters_arrive_once_each_and_never_more_than_500_are_under_way(
    store: redis.Redis,
    log: Log,
    account: KableAccount,
    clock: Clock,
    replays: Replays,
    pump: Callable[[], Report],
) -> None:
    bury(log, clock, 1_000)
    begun = replays.begin(ALL, 500, "ann")
    moved = [step(replays, clock), step(replays, clock), pump(), step(replays, clock), pump()]
    assert [moved[0], moved[1], moved[3]] == [500, 0, 500]
    assert told(replays, begun).state == "running"
    replay = ended(replays, clock, pump, begun)
    assert outcomes(replay) == {"total": 1_000, "replayed": 1_000, "delivered": 1_000}
    assert (replay.state, replay.who, log.census().delivered) == ("done", "ann", 1_000)
    assert sorted(int(one["transactionId"][2:]) for one in billed(account)) == list(range(1_000))
    assert store.exists(destination_key("kable", "replaying")) == 0


def test_its_rate_is_kept(log: Log, clock: Clock, replays: Replays) -> None:
    bury(log, clock, 30)
    replays.begin(ALL, 3, "ann")
    assert [step(replays, clock) for _ in range(5)] == [3, 3, 3, 1, 0]
    assert replays.newest()[0].standing == "waits for 10 that are under way"


def test_without_a_rate_it_takes_half_of_the_destinations(account: KableAccount) -> None:
    rates = (None, 0.5, 40.0, 5_000.0)
    accounts = [account.model_copy(update={"rate": rate}) for rate in rates]
    assert [default_rate(one) for one in accounts] == [100, 1, 20, 500]


@pytest.mark.parametrize("rate", [0.0, 0.5, 501, -1])
def test_a_rate_outside_its_bounds_is_refused(replays: Replays, rate: float) -> None:
    with pytest.raises(BadRate, match=f"1 to 500 letters a second, found {rate:g}"):
        replays.begin(ALL, rate, "ann")


def test_it_stands_still_while_the_destination_is_paused(
    store: redis.Redis, log: Log, account: KableAccount, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 5)
    begun = replays.begin(ALL, 100, "ann")
    throttle = Throttle(store, account, clock)
    throttle.pause("operator", "maintenance")
    assert step(replays, clock) == 0
    assert told(replays, begun).standing == "paused: maintenance"
    throttle.resume()
    assert step(replays, clock) == 5


def test_it_stands_still_while_a_failure_holds_it_and_then_tries_one_letter(
    store: redis.Redis, log: Log, account: KableAccount, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 5)
    begun = replays.begin(ALL, 100, "ann")
    throttle = Throttle(store, account, clock)
    throttle.hold("Kable answered 503", timedelta(seconds=5))
    assert step(replays, clock) == 0
    assert told(replays, begun).standing == "held: Kable answered 503"
    clock.now += 5_000
    assert [step(replays, clock), step(replays, clock)] == [1, 0]
    throttle.clear()
    assert step(replays, clock) == 4


def test_a_cancelled_one_moves_no_more_and_counts_what_was_under_way(
    log: Log, clock: Clock, replays: Replays, pump: Callable[[], Report]
) -> None:
    bury(log, clock, 30)
    begun = replays.begin(ALL, 20, "ann")
    assert step(replays, clock) == 20
    assert (replays.cancel(begun.id), replays.cancel(begun.id)) == (True, True)
    pump()
    assert step(replays, clock) == 0
    replay = told(replays, begun)
    assert outcomes(replay) == {"total": 30, "replayed": 20, "delivered": 20}
    assert (replay.state, log.census().dead) == ("cancelled", 10)
    assert not replays.cancel(ended(replays, clock, pump, replays.begin(ALL, 20, "ann")).id)


def test_what_comes_back_dead_is_not_taken_again(
    log: Log,
    account: KableAccount,
    clock: Clock,
    replays: Replays,
    pump: Callable[[], Report],
) -> None:
    settings = {"refuse_client_ids": ["user-3"]}
    requests.post(f"{account.base_url}/_settings", json=settings, timeout=5).raise_for_status()
    bury(log, clock, 60)
    replay = ended(replays, clock, pump, replays.begin(ALL, 60, "ann"))
    assert outcomes(replay) == {"total": 60, "replayed": 60, "delivered": 58, "dead": 2}
    assert log.census().dead == 2


def test_what_may_have_been_recorded_is_left_out_unless_it_is_named(
    store: redis.Redis, log: Log, account: KableAccount, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 3, ("unconfirmed", "no answer"))
    [first, *others] = ids(store)
    before = DeadLetters(store, account).end()
    assert replays.dry_run(ALL) == Survey(0, 0, 0, before, left_out=3)
    assert replays.dry_run(Filter(reason="unconfirmed")).unconfirmed == 3
    replays.begin([first, first, "9-9-9.9"], 100, "ann")
    assert step(replays, clock) == 1
    assert ids(store) == others


def test_no_more_is_taken_than_a_survey_told(
    store: redis.Redis, log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 3, ("unconfirmed", "no answer"))
    chosen = Filter(reason="unconfirmed")
    survey = replays.dry_run(chosen)
    log.append([admission(n, f"user-{n}") for n in range(3, 8)])
    bury_logged(log, lambda _: ("unconfirmed", "no answer"), clock.now)
    shown_to_nobody = ids(store)[3:]
    clock.now += 1_000
    begun = replays.begin(chosen, 100, "ann", survey)
    assert [step(replays, clock), step(replays, clock)] == [3, 0]
    assert (begun.total, ids(store)) == (3, shown_to_nobody)


def test_no_more_is_taken_than_was_counted_though_more_match_by_now(
    store: redis.Redis, account: KableAccount, log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 8)
    letters, four = DeadLetters(store, account, clock), Filter(event="Other")
    oldest, *others = letters.opened(Filter())
    for one in others[:4]:
        letters.edit(one.id, renamed(one), KABLE.accepts)
    begun = replays.begin(four, 2, "ann")
    letters.edit(oldest.id, renamed(oldest), KABLE.accepts)
    assert [step(replays, clock) for _ in range(3)] == [2, 2, 0]
    assert (begun.total, letters.count(four)) == (4, 1)
    assert told(replays, begun).replayed == 4


def renamed(letter: Opened) -> bytes:
    """Its event under another name."""
    return msgspec.json.encode({**msgspec.json.decode(letter.delivery.event), "event": "Other"})


def test_letters_that_were_buried_by_a_clock_ahead_are_taken(
    log: Log, clock: Clock, replays: Replays
) -> None:
    clock.now += 3_600_000
    bury(log, clock, 2)
    clock.now -= 3_600_000
    log.append([admission(n, "user-9") for n in range(2, 5)])
    bury_logged(log, lambda _: ("rejected", "why"), clock.now)
    begun = replays.begin(ALL, 100, "ann")
    assert (begun.total, step(replays, clock)) == (5, 5)


def test_letters_that_are_named_go_the_oldest_first(
    store: redis.Redis, log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 12)
    shown = ids(store)
    begun = replays.begin(list(reversed(shown)), 5, "ann")
    assert (begun.total, begun.named, begun.filter) == (12, 12, None)
    assert step(replays, clock) == 5
    assert ids(store) == shown[5:]


def test_too_many_names_are_refused(replays: Replays) -> None:
    with pytest.raises(TooManyIds, match=r"at most 10,000 ids, found 10,001"):
        replays.begin([str(n) for n in range(10_001)], None, "ann")


def test_a_filter_takes_what_it_matches_and_nothing_else(
    store: redis.Redis, log: Log, clock: Clock, replays: Replays, pump: Callable[[], Report]
) -> None:
    bury(log, clock, 120)
    begun = replays.begin(Filter(user="user-7"), 100, "ann")
    assert outcomes(ended(replays, clock, pump, begun)) == {
        "total": 3,
        "replayed": 3,
        "delivered": 3,
    }
    assert len(ids(store)) == 117


def settle_all(log: Log, verb: Verb) -> int:
    """A pump gives all that is due the same verdict; how many there were."""
    leased = log.lease("pump", 4)
    assert isinstance(leased, Leased)
    heads = log.heads("pump", [Reading(p, "", 0, 500) for p in leased.partitions]).heads
    if verb == "retry":
        told = [Settlement(one, verb, 3_600_000, delivery.encode(one.delivery)) for one in heads]
    else:
        told = [Settlement(one, verb) for one in heads]
    log.settle("pump", 1, told)
    log.release("pump")
    return len(heads)


def test_what_waits_for_a_retry_keeps_no_letter_back_and_still_counts(
    store: redis.Redis, log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 25)
    begun = replays.begin(ALL, 10, "ann")
    moved = [(step(replays, clock), settle_all(log, "retry")) for _ in range(3)]
    assert moved == [(10, 10), (10, 10), (5, 5)]
    assert (step(replays, clock), told(replays, begun).under_way) == (0, 25)
    assert told(replays, begun).standing == "waits for 25 that are tried again later"
    clock.now += 3_600_000
    assert (settle_all(log, "delivered"), step(replays, clock)) == (25, 0)
    assert (told(replays, begun).state, told(replays, begun).delivered) == ("done", 25)
    assert (
        store.exists(*(destination_key("kable", name) for name in ("replaying", "retried"))) == 0
    )


def waiting_user(log: Log) -> None:
    """The only user's next delivery waits for a retry, and others of the user for that."""
    log.append([admission(1, "user-0")])
    leased = log.lease("pump", 4)
    assert isinstance(leased, Leased)
    [head] = log.heads("pump", [Reading(p, "", 9, 9) for p in leased.partitions]).heads
    tried = delivery.encode(head.delivery)
    log.settle("pump", 1, [Settlement(head, "block", 60_000, tried)])
    log.release("pump")


def test_a_letter_waits_behind_what_its_user_waits_for(
    log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 1)
    waiting_user(log)
    begun = replays.begin(ALL, 10, "ann")
    assert (step(replays, clock), settle_all(log, "delivered")) == (1, 0)
    clock.now += 60_000
    assert [settle_all(log, "delivered") for _ in range(3)] == [1, 1, 0]
    assert told(replays, begun).delivered == 1


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(since=Clock().now + 1_000),
        Filter(group=fingerprint("rejected", None, "another why")),
    ],
)
def test_a_filter_by_time_or_group_reaches_its_letters_with_the_first_step(
    log: Log, clock: Clock, replays: Replays, chosen: Filter
) -> None:
    bury(log, clock, 6_000)
    log.append([admission(n, f"user-{n}") for n in range(6_000, 6_005)])
    bury_logged(log, lambda _: ("rejected", "another why"), clock.now)
    begun = replays.begin(chosen, 100, "ann")
    assert (begun.total, step(replays, clock)) == (5, 5)


def test_a_survey_looks_at_each_letter_once(
    store: redis.Redis, log: Log, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 3_000)
    store.config_resetstat()
    survey = replays.dry_run(Filter(event="API Called"))
    assert (survey.count, survey.closed_period) == (3_000, 0)
    assert store.info("commandstats")["cmdstat_hmget"]["calls"] == 2 * 3_000 / 500


def test_there_is_one_replay_at_a_time(log: Log, clock: Clock, replays: Replays) -> None:
    bury(log, clock, 3)
    begun = replays.begin(ALL, 100, "ann")
    with pytest.raises(ReplayRunning, match=begun.id) as refused:
        replays.begin(Filter(user="user-1"), 100, "bob")
    assert refused.value.replay == begun.id


def test_an_exhausted_letter_may_fail_as_often_again_and_keeps_its_history(
    store: redis.Redis,
    log: Log,
    account: KableAccount,
    clock: Clock,
    replays: Replays,
    pump: Callable[[], Report],
) -> None:
    log.append([admission(1, "user-1")])
    misbehave(account, status=500)
    assert pump().settled == {"retry": 1, "bury": 1}
    clock.now += 1_000
    begun = replays.begin(ALL, 100, "ann")
    step(replays, clock)
    assert pump().settled == {"retry": 1, "bury": 1}
    [id_] = ids(store)
    opened = DeadLetters(store, account).open(id_)
    assert opened
    assert (opened.letter.reason, [one.status for one in opened.delivery.attempts]) == (
        "exhausted",
        [500] * 4,
    )
    assert outcomes(told(replays, begun)) == {"total": 1, "replayed": 1, "dead": 1}


def test_how_many_come_too_late_for_their_period_is_told_beforehand(
    log: Log, account: KableAccount, clock: Clock, replays: Replays, store: redis.Redis
) -> None:
    bury(log, clock, 4)
    clock.now = 1_769_904_000_000 + 3_600_000  # 2026-02-01T01:00Z; the events are of January 2nd
    survey = replays.dry_run(ALL)
    assert (survey.count, survey.unconfirmed, survey.closed_period) == (4, 0, 4)
    later = account.model_copy(update={"billing_day": 2})
    assert Replays(store, later, clock).dry_run(ALL).closed_period == 0


def test_the_tick_moves_letters_and_wakes_a_pump_for_them(
    store: redis.Redis, log: Log, account: KableAccount, clock: Clock, replays: Replays
) -> None:
    bury(log, clock, 3)
    begun = replays.begin(ALL, 100, "ann")
    clock.now += 1_000
    with closing(Client(KABLE, account)) as client:
        Tick([lane_of(store, account, clock, client)], {"kable": replays})()
    assert (told(replays, begun).replayed, log.census().retrying) == (3, 3)
    assert log.overdue(60_000) == "wake sent"


def test_the_newest_hundred_are_kept(store: redis.Redis, log: Log, replays: Replays) -> None:
    begun = []
    for _ in range(102):
        begun.append(replays.begin(ALL, 100, "ann").id)
        replays.cancel(begun[-1])
    assert [one.id for one in replays.newest()] == begun[:1:-1]
    kept = list(store.scan_iter(destination_key("kable", "replay:") + "*"))
    assert (len(kept), log.census().accepted) == (100, 0)
