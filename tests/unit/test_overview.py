"""What the overview and the banner say of destinations, sources and workers."""

from dataclasses import replace

import pytest

from app.console.banner import warnings
from app.console.overview.cards import Card, Fact, Number, cards, flow_words, reason
from app.console.overview.machinery import queues, workers
from app.console.overview.sources import rows
from app.console.watch import Look, Presence
from app.counters import Tally
from app.findings import Finding
from app.throttle import State
from tests.unit.test_standing import (
    CENSUS,
    DOWN,
    FREE,
    NOW,
    PAUSED,
    RATED,
    REFUSED,
    STANDING,
)

LATER = replace(CENSUS, accepted=116, delivered=64, dead=0, waiting=5)
LOOK = Look(NOW + 10_000, (replace(STANDING, census=LATER),), {"web": Tally(30, 2, 1, {"x": 4})})
EARLIER = Look(NOW, (STANDING,), {"web": Tally(10, 0, 0, {})})


def shown(look: Look = LOOK, earlier: Look | None = EARLIER) -> Card:
    return cards(look, earlier)[0]


def test_a_number_tells_its_total_its_change_a_second_and_where_it_is_listed() -> None:
    assert shown().numbers == (
        Number("accepted", "116", "10/s", "/destinations/kable"),
        Number("delivered", "64", "6.0/s", "/destinations/kable"),
        Number("waiting", "5", "+0.2/s", "/destinations/kable"),
        Number("retrying", "1", "", "/retries?destination=kable", "fair"),
        Number("dead", "0", "-0.1/s", "/dead-letters?destination=kable"),
        Number("unconfirmed", "1", "", "/unconfirmed?destination=kable", "bad"),
        Number("skipped", "6", "0/s", "/destinations/kable"),
    )


def test_without_an_earlier_look_nothing_is_said_of_what_flows() -> None:
    assert {number.flow for number in shown(earlier=None).numbers} == {""}


def test_the_facts_say_what_there_is_to_say() -> None:
    told = [fact for fact in shown(replace(LOOK, at=NOW)).facts if fact.words]
    assert told == [
        Fact("backlog", "5 wait, the oldest for 2 s (marks: 1,000,000 and 1h)"),
        Fact("latency", "half within 20 ms, 95 % within 40 ms"),
        Fact("rate", "at most 50/s"),
        Fact("pumps", "0 of 2 at work"),
        Fact("flags", "2 to be done by hand", "fair", "/flags?destination=kable"),
        Fact("unaccounted", "40: accepted and in no place, see docs/operations.md", "bad"),
    ]


def test_a_backlog_that_would_come_too_late_for_the_next_bill_says_so() -> None:
    paused = replace(STANDING, throttle=PAUSED)
    facts = {fact.name: fact.words for fact in shown(replace(LOOK, standings=(paused,))).facts}
    assert facts["billing"] == (
        "what waits comes too late for periods that end today unless it flows before "
        "15 November 01:00 UTC"
    )


@pytest.mark.parametrize(
    ("throttle", "told"),
    [
        (FREE, ""),
        (PAUSED, "by ann 1 min 5 s ago: they move"),
        (replace(REFUSED, paused_cause="refusals"), "by ann 1 min 5 s ago: 401. Look at its dead"),
        (RATED, "its rate of 50/s is used up"),
        (
            replace(DOWN, held_until=NOW + 73_000),
            "breaker open until 22:14:33 UTC, in 8 s: 503",
        ),
    ],
)
def test_the_reason_tells_who_and_until_when(throttle: State, told: str) -> None:
    standing = replace(STANDING, throttle=throttle)
    assert reason(standing, NOW + 65_000, "ann")[: len(told) or None] == told


@pytest.mark.parametrize(
    ("flow", "plain", "signed"),
    [
        (None, "", ""),
        (0.0, "0/s", ""),
        (0.25, "0.2/s", "+0.2/s"),
        (-3.0, "3.0/s", "-3.0/s"),
        (1234.4, "1,234/s", "+1,234/s"),
    ],
)
def test_a_flow_in_words(flow: float | None, plain: str, signed: str) -> None:
    assert (flow_words(flow), flow_words(flow, signed=True)) == (plain, signed)


def test_a_source_tells_what_became_of_its_events() -> None:
    link = "/rejections?source=web&code=x"
    assert rows(LOOK, EARLIER) == [
        {
            "id": "web",
            "source": "web",
            "accepted": "30",
            "a_second": "2.0/s",
            "refused": "4",
            "rejections": "/rejections?source=web",
            "repeats": "2",
            "unrouted": "1",
            "codes": [{"code": "x", "count": "4", "address": link}],
        }
    ]


def test_a_queue_that_nobody_consumes_is_told_with_who_waits_for_it() -> None:
    (queue,) = queues(LOOK)
    assert queue[1:] == ("pump.billing", "no worker consumes it", "kable 0 of 2", "kable")
    assert next(workers(LOOK)) == Fact("workers", "none", "bad")


def test_workers_and_beat_are_told_in_words() -> None:
    at_work = replace(LOOK, presence=Presence({"a": 4, "b": 4}, frozenset(), LOOK.at - 900))
    told = [fact.words for fact in workers(at_work) if fact.words]
    assert told == ["2 with 8 processes, for at most 2 pumps", "ticked just now"]


def test_the_banner_says_what_is_bad_first_and_leaves_out_what_costs_only_speed() -> None:
    found = (
        Finding("workers", "warning", "2 processes for 4 pumps", "start more"),
        Finding("memory", "warning", "80% used", "decide on dead letters"),
        Finding("beat", "failed", "beat does not tick", "start beat"),
        Finding("store", "ok", "Valkey 9"),
    )
    whole = replace(CENSUS, accepted=15)
    by_hand = replace(STANDING, throttle=PAUSED, census=whole)
    look = Look(NOW, (by_hand,), findings=found, pausers={"kable": "ann"})
    assert [tuple(one) for one in warnings(look)] == [
        ("bad", "Beat: beat does not tick: start beat", "", ""),
        ("fair", "Memory: 80% used: decide on dead letters", "Dead letters", "/dead-letters"),
        ("fair", "kable is paused by ann: they move", "Resume it", "/"),
    ]


def test_a_pause_that_the_relay_made_is_bad_and_leads_to_its_cause() -> None:
    refusals = replace(REFUSED, paused_cause="refusals")
    standing = replace(STANDING, throttle=refusals, census=replace(CENSUS, accepted=15))
    (warning,) = warnings(Look(NOW, (standing,)))
    assert tuple(warning) == (
        "bad",
        "kable is paused by the relay: 401",
        "Dead letters",
        "/dead-letters?destination=kable",
    )


def test_a_store_that_is_away_is_all_that_the_banner_says() -> None:
    look = Look(NOW, (STANDING,), findings=(Finding("beat", "failed", "x"),), away="refused")
    (warning,) = warnings(look)
    assert (warning.severity, warning.words.partition(":")[0]) == (
        "bad",
        "The store does not answer",
    )
