"""How a destination stands, in a word, with its reason, and as JSON."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from app import items
from app.counters import Tally
from app.destinations.kable import KableAccount
from app.ledger import Census
from app.settled import Finished, Latency, Settled, latency
from app.standing import Standing, standstill, state
from app.throttle import State

NOW = 1_700_000_000_000
MOMENT = "2023-11-14T22:13:20.000Z"

CENSUS = Census(
    accepted=16,
    waiting=3,
    retrying=1,
    dead=1,
    unconfirmed=1,
    unmapped=0,
    delivered=4,
    skipped=6,
    discarded=0,
    oldest_ms=NOW - 2_500,
    pumps=0,
    held_until=None,
    failures=0,
    why="",
    flags=2,
    filtered=3,
    before_cutover=2,
    dry_run=1,
)
FREE = State(
    limited_rate=None,
    held_until=None,
    held_why="",
    cause="",
    failures=0,
    probing=False,
    paused_by="",
    paused_why="",
    paused_cause="",
    paused_at=None,
    credentials="",
)
ACCOUNT = KableAccount(
    id="kable", api_key=SecretStr("sk_test.x"), kable_client_id="kci_x", queue="billing", rate=50
)
STANDING = Standing(ACCOUNT, CENSUS, FREE, Latency(20, 40), served=True)

RATED = replace(FREE, held_until=NOW, cause="rate", held_why="rate")
ASKED = replace(FREE, held_until=NOW, cause="throttled", held_why="429", failures=1)
DOWN = replace(FREE, held_until=NOW, cause="down", held_why="503", failures=1)
PAUSED = replace(FREE, paused_by="operator", paused_why="they move", paused_at=NOW)
REFUSED = replace(PAUSED, paused_by="relay", paused_why="401", credentials="f")


@pytest.mark.parametrize(
    ("throttle", "word", "reason"),
    [
        (FREE, "delivering", ""),
        (RATED, "throttled", f"its rate is used up until {MOMENT}"),
        (ASKED, "throttled", f"held until {MOMENT}: 429"),
        (replace(ASKED, held_until=None), "throttled", "the next pump tries it: 429"),
        (DOWN, "broken", f"held until {MOMENT}: 503"),
        (replace(DOWN, held_until=None), "broken", "the next pump tries it: 503"),
        (replace(DOWN, held_until=None, probing=True), "broken", "one pump tries it now: 503"),
        (
            PAUSED,
            "paused",
            f"by an operator since {MOMENT}: they move; relay destinations resume kable",
        ),
        (
            REFUSED,
            "paused",
            f"by the relay since {MOMENT}: 401; relay destinations resume kable",
        ),
        (
            replace(REFUSED, paused_cause="refusals", paused_why="20 refusals"),
            "paused",
            f"by the relay since {MOMENT}: 20 refusals; look: relay dead-letters groups "
            "--destination kable; then relay destinations resume kable",
        ),
    ],
)
def test_a_state_names_what_keeps_a_destination_from_delivering(
    throttle: State, word: str, reason: str
) -> None:
    assert state(replace(STANDING, throttle=throttle)) == (word, reason)


def test_a_pause_after_refused_credentials_says_that_they_have_changed() -> None:
    renewed = replace(STANDING, throttle=REFUSED, renewed=True)
    assert state(renewed)[1].endswith(
        "401; the credentials have changed since: relay destinations resume kable"
    )


def test_a_destination_without_a_worker_or_without_settings_says_so() -> None:
    assert state(replace(STANDING, served=False)) == (
        "unattended",
        "no worker consumes the queue pump.billing",
    )
    assert state(replace(STANDING, served=False, configured=False)) == (
        "orphaned",
        "the settings name no destination kable: what it has stays",
    )


@pytest.mark.parametrize(
    ("throttle", "flows"),
    [
        (FREE, True),
        (RATED, True),
        (replace(ASKED, held_until=NOW + 60_000), True),
        (replace(ASKED, held_until=NOW + 60_001), False),
        (DOWN, False),
        (replace(DOWN, held_until=None), False),
        (PAUSED, False),
    ],
)
def test_a_delivery_can_flow_unless_its_destination_is_paused_broken_or_held_for_long(
    throttle: State, flows: bool
) -> None:
    assert (standstill(replace(STANDING, throttle=throttle), NOW) == "") is flows


def test_a_destination_is_listed_as_the_api_lists_it() -> None:
    assert items.destination(STANDING, NOW) == {
        "id": "kable",
        "kind": "kable",
        "state": "delivering",
        "reason": "",
        "waiting": 3,
        "oldest_seconds": 2.5,
        "retrying": 1,
        "dead": 1,
        "unconfirmed": 1,
        "unmapped": 0,
        "accepted": 16,
        "parts": 0,
        "delivered": 4,
        "flags": 2,
        "skipped": 6,
        "filtered": 3,
        "before_cutover": 2,
        "dry_run": 1,
        "discarded": 0,
        "expired": 0,
        "unaccounted": 1,
        "backlog": "",
        "rate": 50,
        "latency_ms": {"p50": 20, "p95": 40},
    }


def test_the_rate_that_counts_is_the_one_that_429s_have_left() -> None:
    limited = replace(STANDING, throttle=replace(FREE, limited_rate=12.5))
    assert (limited.rate, STANDING.rate) == (12.5, 50)


def test_a_source_is_listed_with_what_was_refused_by_code() -> None:
    tally = Tally(5, 2, 1, {"bad_request": 3, "no_user_anon_id": 4})
    assert items.source("web", tally) == {
        "id": "web",
        "accepted": 5,
        "repeats": 2,
        "unrouted": 1,
        "refused": 7,
        "refused_by_code": {"bad_request": 3, "no_user_anon_id": 4},
    }


def test_the_latency_is_that_of_what_was_delivered() -> None:
    took = [*range(100), 10_000]
    delivered = [Settled(Finished("m", "delivered", 0, 1), at) for at in took]
    skipped = Settled(Finished("m", "skipped", 0, 0), 99_999)
    assert latency([skipped, *delivered]) == Latency(50, 95)
    assert latency([skipped]) == Latency(None, None)


def test_a_dry_run_is_the_reason_why_nothing_arrives() -> None:
    rehearsing = replace(STANDING, account=ACCOUNT.model_copy(update={"dry_run": True}))
    assert state(rehearsing) == (
        "delivering",
        "dry run: what comes is shown and skipped, nothing is sent",
    )
