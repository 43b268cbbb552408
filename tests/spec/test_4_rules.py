"""Rules say what events mean that name no feature: at once, and for what is unmapped already."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
import requests
from pydantic import SecretStr

from app import dead_letters, delivery
from app.append import Admission
from app.client import Client
from app.clock import milliseconds
from app.delivery import Delivery
from app.destinations.kana import KANA, KanaAccount
from app.keys import destination_key
from app.lane import Lane
from app.ledger import days
from app.log import Log
from app.mapping import Rule
from app.moves import Leased, Reading, Recorded, Settlement
from app.pump import Pump, Report
from app.replays import Replays
from app.rules import ConfiguredRule, RuleExists, TooManyRules
from app.settings.filters import FilterSettings
from app.throttle import Throttle
from app.unmapped import Remapping, UnmappedEvents
from app.verdict import parked
from app.wake import Wakes
from tests.processes import sandbox
from tests.told import Clock

CALLS = Rule(id="calls", feature="calls", event="Call")
PDFS = Rule(id="pdfs", feature="pdfs", properties={"format": "pdf"})
AHEAD_MS = 600_000
AGAIN = Rule(id="again", feature="calls", properties={"format": "pdf"})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield f"{running}/kana"


@pytest.fixture
def account(address: str) -> KanaAccount:
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()
    key = SecretStr("prv_test_0123456789abcdef0123456789abcdef")
    return KanaAccount(id="kana", base_url=address, api_key=key, partitions=4, pumps=1)


@pytest.fixture
def log(store: redis.Redis, account: KanaAccount) -> Iterator[Log]:
    """The log of the destination; after the test nothing is unaccounted for, stuck or marked."""
    log = Log(store, account)
    yield log
    census = log.census()
    assert (census.unaccounted, log.sweep()) == (0, 0)
    for name in ("accepted", "dead", "unmapped", "delivered", "skipped", "discarded"):
        by_day = (getattr(day, name) for day in days(store, "kana", milliseconds(), 2))
        assert sum(by_day) == getattr(census, name)


def pumping(
    store: redis.Redis, account: KanaAccount, log: Log | None = None, ahead: int = AHEAD_MS
) -> Report:
    """A pump runs; its clock is ahead of the ticks, whose clock a test moves."""
    with closing(Client(KANA, account)) as client:
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        kept = log or Log(store, account, lambda: milliseconds() + ahead)
        lane = Lane(KANA, account, kept, Throttle(store, account), client, wakes)
        return Pump(lane, token="pump").run()


def track(number: int, event: str = "Call", **properties: object) -> Admission:
    name, user = f"m-{number}", f"u-{number % 50}"
    written = {"messageId": name, "type": "track", "userId": user, "event": event}
    return Admission(name, "web", user, json.dumps({**written, "properties": properties}).encode())


def used(account: KanaAccount) -> list[tuple[str, str, int]]:
    answer = requests.get(f"{account.base_url}/_usage", timeout=5).json()
    return [(one["userId"], one["featureId"], one["delta"]) for one in answer["items"]]


def set_up(account: KanaAccount, **settings: object) -> None:
    requests.post(f"{account.base_url}/_settings", json=settings, timeout=5).raise_for_status()


def dead(store: redis.Redis) -> list[Delivery]:
    return [
        delivery.decode(one) for one in store.hvals(destination_key("kana", "dead:deliveries"))
    ]


def properties(event: bytes) -> dict[str, Any]:
    return dict(json.loads(event)["properties"])


def matches(log: Log) -> dict[str, int]:
    return {one.rule.id: one.matches for one in log.rules.kept()}


def test_a_rule_maps_an_event_that_names_no_feature(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.rules.add(CALLS)
    log.append([track(1, delta=3), track(2, delta="x"), track(3, delta=0), track(4, "Other")])
    log.append([track(5, featureId="own"), track(6, featureId=None)])
    pumping(store, account)
    assert sorted(used(account)) == [
        ("u-1", "calls", 3),
        ("u-2", "calls", 1),
        ("u-5", "own", 1),
        ("u-6", "calls", 1),
    ]
    assert (log.census().unmapped, log.census().skipped, matches(log)) == (1, 1, {"calls": 3})


def test_several_rules_make_one_usage_of_each_feature(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    for rule in (CALLS, PDFS, AGAIN):
        log.rules.add(rule)
    log.append([track(1, format="pdf", delta=2), track(2)])
    pumping(store, account)
    assert sorted(used(account)) == [("u-1", "calls", 2), ("u-1", "pdfs", 2), ("u-2", "calls", 1)]
    census = log.census()
    assert (census.accepted, census.parts, census.delivered) == (3, 1, 3)
    assert matches(log) == {"calls": 2, "pdfs": 1, "again": 1}


def test_one_feature_that_fails_repeats_no_other(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, refuse_features={"pdfs": "No subscription"})
    log.rules.add(CALLS)
    log.rules.add(PDFS)
    log.append([track(1, format="pdf")])
    pumping(store, account)
    [buried] = dead(store)
    assert (buried.id, properties(buried.event)["featureId"]) == ("m-1#2", "pdfs")
    assert properties(buried.original or b"") == {"format": "pdf"}
    set_up(account, refuse_features={})
    revive(store, account)
    pumping(store, account, ahead=2 * AHEAD_MS)
    assert used(account) == [("u-1", "calls", 1), ("u-1", "pdfs", 1)]


def revive(store: redis.Redis, account: KanaAccount) -> None:
    """An operator replays all letters."""
    clock = Clock()
    clock.now = milliseconds() + AHEAD_MS + 1_000
    replays = Replays(store, account, clock)
    replays.begin(dead_letters.Filter(), 500, "operator")
    clock.now += 1_000
    replays.step()


def test_what_a_rule_mapped_keeps_its_feature_as_a_letter(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    set_up(account, refuse_features={"calls": "No subscription"})
    log.rules.add(CALLS)
    log.append([track(1)])
    pumping(store, account)
    assert log.rules.remove("calls")
    set_up(account, refuse_features={})
    revive(store, account)
    pumping(store, account, ahead=2 * AHEAD_MS)
    assert used(account) == [("u-1", "calls", 1)]


def test_a_dry_run_shows_every_part_and_sends_none(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.rules.add(CALLS)
    log.rules.add(PDFS)
    log.append([track(1, format="pdf"), track(2, "Other")])
    pumping(store, account.model_copy(update={"dry_run": True}))
    census = log.census()
    assert (census.accepted, census.parts, census.dry_run, census.unmapped) == (3, 1, 3, 0)
    assert used(account) == []


def test_a_part_that_an_operator_makes_several_again_is_refused(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.rules.add(CALLS)
    log.rules.add(PDFS)
    set_up(account, refuse_features={"pdfs": "No subscription"})
    log.append([track(1, format="pdf")])
    pumping(store, account)
    letters = dead_letters.DeadLetters(store, account)
    [letter] = letters.scan(dead_letters.Filter())
    letters.edit(letter.id, track(1, format="pdf").event, {"track"})
    revive(store, account)
    pumping(store, account, ahead=2 * AHEAD_MS)
    [letter] = letters.scan(dead_letters.Filter())
    assert "stands for several again" in letter.letter.message
    assert used(account) == [("u-1", "calls", 1)]


def test_a_pump_that_is_at_work_takes_a_new_rule_over(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    class Hurried(Log):
        """An operator makes a rule between the reading of an event and its parking."""

        def settle(self, token: str, number: int, settlements: Sequence[Settlement]) -> Recorded:
            if not self.rules.kept():
                self.rules.add(CALLS)
            return super().settle(token, number, settlements)

    log.append([track(1), track(2, "Other")])
    report = pumping(store, account, Hurried(store, account))
    assert (report.settled["park"], report.settled["delivered"]) == (1, 1)
    assert (used(account), log.census().unmapped) == ([("u-1", "calls", 1)], 1)


def test_a_pump_with_old_rules_cannot_park(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    log.append([track(1)])
    leased = log.lease("old", 4)
    assert isinstance(leased, Leased)
    [head] = log.heads("old", [Reading(p, "", 9, 9) for p in leased.partitions]).heads
    log.rules.add(CALLS)
    refused = log.settle("old", 1, [parked(head, 0)])
    assert (refused.acted, refused.refused, log.census().waiting) == (0, (head,), 1)
    assert log.settle("old", 1, [parked(head, 0)]) == refused
    log.release("old")
    pumping(store, account)
    assert used(account) == [("u-1", "calls", 1)]


def test_rules_of_the_configuration_come_first_and_are_removed_there(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    configured = account.model_copy(update={"rules": (PDFS,)})
    log.rules.add(CALLS)
    Remapping(store, KANA, configured).step()
    assert [one.rule for one in log.rules.kept()] == [PDFS, CALLS]
    with pytest.raises(ConfiguredRule, match="pdfs stands in"):
        log.rules.remove("pdfs")
    with pytest.raises(RuleExists, match="found pdfs"):
        log.rules.add(PDFS)
    Remapping(store, KANA, account).step()
    assert [one.rule for one in log.rules.kept()] == [CALLS]


def test_what_is_read_while_rules_change_is_sent_once(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    class Hurried(Log):
        """A rule comes back between the reading of a retry and its parking."""

        def settle(self, token: str, number: int, settlements: Sequence[Settlement]) -> Recorded:
            if not self.rules.kept():
                self.rules.add(CALLS)
            return super().settle(token, number, settlements)

    log.append([track(1)])
    pumping(store, account)
    log.rules.add(CALLS)
    clock = Clock()
    clock.now = milliseconds()
    remapping = Remapping(store, KANA, account, clock)
    while not log.census().retrying:
        clock.now += 1_000
        remapping.step()
    log.rules.remove(CALLS.id)
    log.append([track(n, "Other") for n in range(100, 1_600)])
    pumping(store, account, Hurried(store, account, lambda: milliseconds() + AHEAD_MS))
    assert used(account) == [("u-1", "calls", 1)]


def test_there_are_at_most_two_hundred_rules(log: Log) -> None:
    for number in range(200):
        log.rules.add(Rule(id=f"r{number}", feature="f", event="Call"))
    with pytest.raises(TooManyRules):
        log.rules.add(CALLS)
    assert (log.rules.remove("r7"), log.rules.remove("r7")) == (True, False)


def park(store: redis.Redis, account: KanaAccount, log: Log, number: int) -> None:
    """So many unmapped events; every other one is a call."""
    log.append([track(n, "Call" if n % 2 else "Other", n=n) for n in range(number)])
    assert pumping(store, account).settled["park"] == number


def finish(remapping: Remapping, clock: Clock, store: redis.Redis, account: KanaAccount) -> None:
    """Tick and pump until the run over what is unmapped has ended."""
    for _ in range(100):
        clock.now += 1_000
        news = remapping.step()
        if news.told == "ended" or (news.run and news.run.standing):
            pumping(store, quick(account))
        if news.told == "ended":
            return
    raise AssertionError(remapping.run())


def quick(account: KanaAccount) -> KanaAccount:
    return account.model_copy(update={"concurrency": 32})


@pytest.mark.timeout(120)
def test_a_new_rule_reaches_all_that_is_unmapped_once_though_a_tick_dies_half_way(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    clock = Clock()
    clock.now = milliseconds()
    park(store, account, log, 2_000)
    log.rules.add(CALLS)
    dying = Remapping(store, KANA, account.model_copy(update={"rate": 1_000}), clock)
    for _ in range(3):
        clock.now += 1_000
        dying.step()
    clock.now += 1_000
    pace = dying.pace()
    assert pace is not None
    late = dying.portion(pace)
    fresh = Remapping(store, KANA, account.model_copy(update={"rate": 1_000}), clock)
    finish(fresh, clock, store, account)
    assert dying.move(pace, late) == 0
    assert sorted(used(account)) == sorted((f"u-{n % 50}", "calls", 1) for n in range(1, 2_000, 2))
    assert (log.census().unmapped, log.census().delivered) == (1_000, 1_000)
    run = fresh.run()
    assert run is not None
    assert (run.total, run.looked, run.taken, run.delivered) == (2_000, 2_000, 1_000, 1_000)
    assert (fresh.step().run, matches(log)) == (None, {"calls": 1_000})


def test_a_run_stands_still_while_the_destination_is_paused(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    park(store, account, log, 10)
    log.rules.add(CALLS)
    Throttle(store, account).pause("operator", "an incident")
    clock = Clock()
    remapping = Remapping(store, KANA, account, clock)
    for _ in range(3):
        clock.now += 1_000
        assert remapping.step().moved == 0
    run = remapping.run()
    assert run is not None
    assert (run.standing, run.looked) == ("paused: an incident", 0)
    Throttle(store, account).resume()
    finish(remapping, clock, store, account)
    assert log.census().delivered == 5


@pytest.mark.parametrize(
    ("settings", "standing"),
    [
        ({"dry_run": True}, "dry run: what rules map would be skipped for good"),
        ({"mode": "segment"}, 'mode = "segment": Kana reads the events'),
    ],
)
def test_nothing_moves_while_no_rule_would_have_it_sent(
    settings: dict[str, object],
    standing: str,
    store: redis.Redis,
    log: Log,
    account: KanaAccount,
) -> None:
    park(store, account, log, 10)
    log.rules.add(CALLS)
    clock = Clock()
    other = Remapping(store, KANA, account.model_copy(update=settings), clock)
    for _ in range(3):
        clock.now += 1_000
        assert other.step().moved == 0
    run = other.run()
    assert run is not None
    assert (run.standing, run.looked, log.census().unmapped) == (standing, 0, 10)
    finish(Remapping(store, KANA, account, clock), clock, store, account)
    assert (log.census().delivered, log.census().skipped) == (5, 0)


def test_a_rule_counts_once_what_goes_again_or_is_buried_and_replayed(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    creating = account.model_copy(update={"create_users": True})
    set_up(account, strict=True, features=["calls"], refuse_features={"pdfs": "No subscription"})
    log.rules.add(Rule(id="0", feature="calls", event="Call"))
    log.rules.add(Rule(id="1", feature="pdfs", event="Other"))
    log.append([track(1), track(2, "Other")])
    pumping(store, creating, Log(store, account))
    pumping(store, creating)
    assert (used(account), matches(log)) == ([("u-1", "calls", 1)], {"0": 1, "1": 1})
    revive(store, account)
    pumping(store, creating, ahead=2 * AHEAD_MS)
    assert (log.census().dead, matches(log)) == (1, {"0": 1, "1": 1})


def test_filters_decide_on_the_event_that_came_though_rules_wrote_into_it(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    named = FilterSettings(send=False, properties={"featureId": "calls"})
    changes = {"create_users": True, "filters": (named,)}
    choosy = account.model_copy(update=changes)
    set_up(account, strict=True, features=["calls", "pdfs"])
    log.rules.add(CALLS)
    log.rules.add(PDFS)
    log.append([track(1), track(2, format="pdf"), track(3, featureId="calls")])
    pumping(store, choosy)
    assert sorted(used(account)) == [
        ("u-1", "calls", 1),
        ("u-2", "calls", 1),
        ("u-2", "pdfs", 1),
    ]
    assert (log.census().delivered, log.census().filtered) == (3, 1)


def test_what_an_operator_wrote_is_filtered_as_it_is_written(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    named = FilterSettings(send=False, properties={"featureId": "calls"})
    set_up(account, refuse_features={"calls": "No subscription"})
    log.rules.add(CALLS)
    log.append([track(1)])
    pumping(store, account)
    letters = dead_letters.DeadLetters(store, account)
    [letter] = letters.scan(dead_letters.Filter())
    letters.edit(letter.id, track(1, featureId="calls").event, {"track"})
    revive(store, account)
    choosy = account.model_copy(update={"filters": (named,)})
    pumping(store, choosy, ahead=2 * AHEAD_MS)
    assert (log.census().filtered, used(account)) == (1, [])


def test_a_rule_that_is_made_during_a_run_begins_another(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    park(store, account, log, 40)
    log.rules.add(CALLS)
    clock = Clock()
    remapping = Remapping(store, KANA, account.model_copy(update={"rate": 40}), clock)
    for _ in range(2):
        clock.now += 1_000
        remapping.step()
    log.rules.add(Rule(id="rest", feature="rest", event="Other"))
    finish(remapping, clock, store, account)
    assert (log.census().unmapped, log.census().delivered) == (0, 40)
    assert len(used(account)) == 40


def test_unmapped_is_kept_for_ever_unless_the_configuration_says_for_how_long(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    park(store, account, log, 6)
    clock = Clock()
    clock.now = milliseconds() + 86_400_000
    assert Remapping(store, KANA, account, clock).step().expired == 0
    brief = account.model_copy(update={"unmapped_age_max": timedelta(hours=1)})
    assert Remapping(store, KANA, brief, clock).step().expired == 6
    census = log.census()
    assert (census.unmapped, census.discarded, census.expired) == (0, 6, 6)


def test_unmapped_events_are_listed_grouped_and_tried(
    store: redis.Redis, log: Log, account: KanaAccount
) -> None:
    park(store, account, log, 9)
    unmapped = UnmappedEvents(store, "kana")
    first = unmapped.page(None, 5)
    rest = unmapped.page(first.next_cursor, 5)
    assert len({one.delivery.id for one in (*first.items, *rest.items)}) == 9
    assert (len(first.items), len(rest.items), rest.next_cursor) == (5, 4, None)
    groups = unmapped.groups()
    assert [(one.name, one.count) for one in groups.events] == [("Other", 5), ("Call", 4)]
    assert (groups.looked, len(groups.properties), groups.properties[0].path) == (9, 9, "n")
    trial = unmapped.trial(Rule(id="t", feature="f", event="Call", properties={"n": 3}))
    assert (trial.matched, trial.looked, trial.samples[0].delivery.id) == (1, 9, "m-3")
