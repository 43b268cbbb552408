"""What identifies make of Kana's users in each mode: the ten cases of its documentation."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
import requests
from click.testing import Result
from pydantic import SecretStr
from typer.testing import CliRunner

from app.actions import Actions
from app.append import Admission
from app.cli import relay as command
from app.client import Client
from app.destinations.kana import KANA, KanaAccount
from app.destinations.kana.users import ADVICE
from app.flags import Flagged, Flags, Place, packed
from app.lane import Lane
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.outcome import Delivered, Flag
from app.pump import Pump, Report
from app.throttle import Throttle
from app.wake import Wakes
from tests.processes import sandbox
from tests.sandbox.test_kana_identify import ANN, CASES, Row, X, Y, Z, stripe, user

KEY = SecretStr("prv_test_0123456789abcdef0123456789abcdef")
OTHER = SecretStr("prv_test_segment0000000000000000000000000")
WAYS: dict[str, dict[str, object]] = {
    "admin": {"api_key": KEY},
    "both": {
        "api_key": KEY,
        "segment_key": OTHER,
        "unapplied": "segment",
    },
    "segment": {"mode": "segment", "segment_key": OTHER},
}

Kana = Callable[..., KanaAccount]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with sandbox() as running:
        yield f"{running}/kana"


@pytest.fixture
def kana(address: str, store: redis.Redis) -> Iterator[Kana]:
    """An empty Kana, and an account there; in the end nothing is unaccounted for."""
    requests.delete(f"{address}/_state", timeout=5).raise_for_status()

    def account(*rows: Row, **settings: object) -> KanaAccount:
        made = KanaAccount.model_validate({"id": "kana", "base_url": address, **settings})
        post(made, "_users", items=rows)
        return made

    yield account
    assert Log(store, account(api_key=KEY)).census().unaccounted == 0


def post(account: KanaAccount, path: str, **content: object) -> None:
    requests.post(f"{account.base_url}/{path}", json=content, timeout=5).raise_for_status()


def told(account: KanaAccount, path: str) -> list[Any]:
    answer = requests.get(f"{account.base_url}/{path}", timeout=5).json()
    items: list[Any] = answer.get("items", answer.get("requests"))
    return items


def asked(account: KanaAccount) -> list[str]:
    """What Kana was asked for, in order: operations, and types of raw events."""
    bodies = [json.loads(one["body"]) for one in told(account, "_received?limit=1000")]
    return [
        body["query"].split()[1].partition("(")[0] if "query" in body else body["type"]
        for body in bodies
    ]


def event(user_id: str, message_id: str, **fields: object) -> Admission:
    written = {"messageId": message_id, "userId": user_id, **fields}
    return Admission(message_id, "web", user_id, json.dumps(written).encode())


def identify(user_id: str, message_id: str, **traits: object) -> Admission:
    return event(user_id, message_id, type="identify", traits=traits)


def track(user_id: str, message_id: str, feature: str = "calls") -> Admission:
    return event(user_id, message_id, type="track", properties={"featureId": feature})


def pump(store: redis.Redis, account: KanaAccount, *admissions: Admission) -> Report:
    Log(store, account).append(admissions)
    with closing(Client(KANA, account)) as client:
        log, throttle = Log(store, account), Throttle(store, account)
        wakes = Wakes(f"redis://127.0.0.1:{store.connection_pool.connection_kwargs['port']}/1")
        return Pump(Lane(KANA, account, log, throttle, client, wakes), token="pump").run()


def heads(log: Log) -> Sequence[Head]:
    leased = log.lease("pump", 32)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 9, 9) for p in leased.partitions]).heads


def flagged(store: redis.Redis) -> dict[str, dict[str, str | None]]:
    """By user what is flagged, and what was wanted."""
    found: dict[str, dict[str, str | None]] = {}
    for one in Flags(store, "kana").page(None, 100).flags:
        found.setdefault(one.user, {})[one.about] = one.wanted
    return found


Wants = dict[str, str | None]

# Where the Admin API does not do as Kana does: who is there then, by case.
INSTEAD = {
    "1": [user("1", **ANN)],
    "2": [user("1", **ANN), user("2", X)],
    "4": [user("1", Z, **ANN), user("2", Z)],
    "6": [user("1", Z, **ANN), user("3", X)],
    "7": [user("1", **ANN), stripe(X)],
    "10": [user("1", Z, **ANN), user("2", X), stripe(X)],
}
UNBILLED: Wants = {"no_billing_id": None}
BY_HAND: dict[str, Wants] = {
    **{case: {"email": X, **UNBILLED} for case in INSTEAD},
    "3": UNBILLED,
    "5": UNBILLED,
}
# By way, and whether imports have their email as their id: what is not as at Kana, and is flagged.
ENDS: dict[tuple[str, bool], tuple[dict[str, list[Row]], dict[str, Wants]]] = {
    ("admin", True): (INSTEAD, {**BY_HAND, "9": {**UNBILLED, "shared_email": None}}),
    ("admin", False): (
        {**INSTEAD, "8": [user("1", X, **ANN), stripe(X)]},
        {**BY_HAND, "8": UNBILLED, "9": UNBILLED},
    ),
    ("both", True): ({}, {"3": UNBILLED}),
    ("both", False): ({}, {"3": UNBILLED}),
    ("segment", True): ({}, {}),
    ("segment", False): ({}, {}),
}


def of_case(number: str, rows: list[Row], *, ids: bool) -> list[Row]:
    """The rows with ids and emails of their own; with `ids` an import has its email as its id."""
    mine = [{**row, "email": row["email"] and f"{number}.{row['email']}"} for row in rows]
    return [
        {**row, "id": f"{number}/{row['id']}" if row["id"] else row["email"] if ids else None}
        for row in mine
    ]


def in_order(rows: Iterable[Row]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.parametrize(("way", "ids"), ENDS)
def test_each_case_ends_as_at_kana_or_with_a_flag_that_says_what_is_missing(
    way: str, ids: bool, store: redis.Redis, kana: Kana
) -> None:
    cases = {case.partition(":")[0]: rows for case, rows in CASES.items()}
    instead, by_hand = ENDS[way, ids]
    there = [row for n in cases for row in of_case(n, cases[n][0], ids=ids)]
    then = [row for n in cases for row in of_case(n, instead.get(n, cases[n][2]), ids=ids)]
    account = kana(*there, **WAYS[way])
    said = [identify(f"{n}/1", f"m-{n}", email=f"{n}.{X}", name="Ann") for n in cases]
    assert pump(store, account, *said).settled == {"delivered": 10}
    assert in_order(told(account, "_users")) == in_order(then)
    assert flagged(store) == {
        f"{n}/1": {about: wanted and f"{n}.{wanted}" for about, wanted in wants.items()}
        for n, wants in by_hand.items()
    }


def test_a_flag_says_what_was_wanted_why_not_and_what_to_do(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(user("1", Y, billingId="cus_A"), api_key=KEY)
    pump(store, account, identify("1", "m1", email=X, billingUserId="cus_A"))
    [flag] = Flags(store, "kana").page(None, 100).flags
    assert flag == Flagged(
        user="1",
        about="email",
        wanted=X,
        found=Y,
        why="Kana's Admin API has no call that changes a user's email.",
        advice=ADVICE["email"],
        message_id="m1",
        accepted_at=flag.accepted_at,
    )
    assert Log(store, account).census().flags == 1


def test_what_was_wanted_last_stands_and_what_is_so_by_now_is_flagged_no_more(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(user("1", Y, billingId="cus_A"), api_key=KEY)
    wishes = [identify("1", f"m{n}", email=email) for n, email in enumerate([X, Z])]
    pump(store, account, *wishes)
    assert flagged(store) == {"1": {"email": Z}}
    pump(store, account, identify("1", "m3", name="Ann"))
    assert flagged(store) == {"1": {"email": Z}}
    pump(store, account, identify("1", "m4", email=Y))
    assert flagged(store) == {}


def test_a_settle_that_is_repeated_raises_a_flag_once(store: redis.Redis, kana: Kana) -> None:
    log = Log(store, kana(api_key=KEY))
    log.append([identify("1", "m1")])
    [head] = heads(log)
    flag = Flag("email", "why", "advice", X)
    settlement = Settlement(head, "delivered", payload=packed(head.delivery, Delivered((flag,))))
    acted = [log.settle("pump", number, [settlement]).acted for number in (1, 1, 2)]
    assert acted == [1, 1, 0]
    assert flagged(store) == {"1": {"email": X}}
    [kept] = Flags(store, "kana").page(None, 1).flags
    assert Flags(store, "kana").resolve(kept.id) == kept
    acted = [log.settle("pump", number, [settlement]).acted for number in (2, 3)]
    assert acted == [0, 0]
    assert (flagged(store), Flags(store, "kana").resolve(kept.id)) == ({}, None)
    log.release("pump")


@pytest.mark.parametrize(
    "outcome", [Delivered((Flag("email", "", "", Y),)), Delivered((), ("email",))]
)
def test_what_an_older_event_wanted_changes_nothing(
    outcome: Delivered, store: redis.Redis, kana: Kana
) -> None:
    old = Log(store, kana(api_key=KEY))
    old.append([identify("1", "m-old")])
    [head] = heads(old)
    later = head.delivery.accepted_at + 1_000
    newer = msgspec.structs.replace(head.delivery, accepted_at=later)
    wanted = packed(newer, Delivered((Flag("email", "", "", X),)))
    old.settle("pump", 1, [Settlement(head, "delivered", payload=wanted)])
    old.append([identify("1", "m-older")])
    [head] = heads(old)
    old.settle("pump", 2, [Settlement(head, "delivered", payload=packed(head.delivery, outcome))])
    old.release("pump")
    assert flagged(store) == {"1": {"email": X}}


def test_an_older_settlement_raises_no_note_twice(store: redis.Redis, kana: Kana) -> None:
    account = kana(user("1"), api_key=KEY)
    pump(store, account, identify("1", "m1"), identify("1", "m2"))
    [flag] = Flags(store, "kana").page(None, 100).flags
    assert (flag.about, flag.message_id) == ("no_billing_id", "m1")


def test_flags_are_listed_newest_first_a_page_at_a_time(store: redis.Redis, kana: Kana) -> None:
    account = kana(api_key=KEY)
    pump(store, account, *(identify(f"u{n}", f"m{n}") for n in range(5)))
    kept = Flags(store, "kana")
    first = kept.page(None, 3)
    second = kept.page(first.cursor, 3)
    assert (len(first.flags), len(second.flags), second.cursor) == (3, 2, None)
    moments = [one.accepted_at for one in (*first.flags, *second.flags)]
    assert moments == sorted(moments, reverse=True)
    assert {one.user for one in (*first.flags, *second.flags)} == {f"u{n}" for n in range(5)}
    assert [one.user for one in kept.page(None, 9, "u3").flags] == ["u3"]
    assert Place.parse(str(first.cursor)) == first.cursor


@pytest.fixture
def relay(tmp_path: Path, store_url: str) -> Callable[..., Result]:
    """Runs a command with a configuration of one account at Kana."""

    def run(*words: str, kana: str = 'api_key = "prv_test_x"') -> Result:
        config = tmp_path / "relay.toml"
        config.write_text(
            f'store_url = "{store_url}"\n'
            '[sources.web]\nwrite_key = "k"\ndestinations = ["kana"]\n'
            f'[destinations.kana]\nkind = "kana"\n{kana}\n'
        )
        return CliRunner().invoke(command, [*words, "--config", str(config)])

    return run


def test_an_operator_lists_flags_and_says_which_are_done(
    store: redis.Redis, kana: Kana, relay: Callable[..., Result]
) -> None:
    pump(store, kana(user("1", Y), api_key=KEY), identify("1", "m1", email=X))
    listed = json.loads(relay("flags", "list", "--json").stdout)
    [email] = [one for one in listed["items"] if one["about"] == "email"]
    assert (email["user"], email["wanted"], email["found"]) == ("1", X, Y)
    assert "by a CSV import" in relay("flags", "list", "--user", "1").stdout
    resolved = relay("flags", "resolve", email["id"], "--as", "ann", "--json")
    assert json.loads(resolved.stdout) == {"items": [email], "next_cursor": None}
    again = relay("flags", "resolve", email["id"])
    assert (again.exit_code, again.stdout) == (1, "")
    assert f"kana has no flag {email['id']}" in again.stderr
    [action] = Actions(store, "kana").newest()
    assert (action.who, action.what, action.about) == ("ann", "resolved", "email of 1")
    assert flagged(store) == {"1": {"no_billing_id": None}}


def test_usage_of_an_unknown_user_creates_it_first_and_is_recorded_once(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(api_key=KEY, create_users=True)
    post(account, "_settings", strict=True, features=["calls"])
    report = pump(store, account, track("1", "m1"), track("1", "m2"))
    assert (report.settled["delivered"], report.settled["block"]) == (2, 1)
    assert asked(account) == ["recordUsage", "createUser", "recordUsage", "recordUsage"]
    assert told(account, "_users") == [user("1")]
    assert [one["userId"] for one in told(account, "_usage")] == ["1", "1"]


def test_without_that_setting_usage_of_an_unknown_user_is_refused(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(api_key=KEY)
    post(account, "_settings", strict=True, features=["calls"])
    assert pump(store, account, track("1", "m1")).settled == {"bury": 1}
    assert (asked(account), told(account, "_users")) == (["recordUsage"], [])


SEGMENT = {"mode": "segment", "segment_key": OTHER}


def test_in_segment_mode_each_event_arrives_alone_as_it_was_accepted_and_in_order(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(**SEGMENT)
    post(account, "_settings", strict=True, features=["calls"], api_key=OTHER.get_secret_value())
    events = [identify("1", "m1", name="Ann"), track("1", "m2"), track("1", "m3")]
    assert pump(store, account, *events).settled == {"delivered": 3}
    received = told(account, "_received?limit=9")
    assert [one["body"].encode() for one in received] == [one.event for one in events]
    assert [one["featureId"] for one in told(account, "_usage")] == ["calls", "calls"]


def test_in_segment_mode_an_anonymous_event_is_skipped_and_what_kana_refuses_is_buried(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(**SEGMENT)
    nobody = {"messageId": "m1", "type": "track", "anonymousId": "a1", "event": "Call"}
    wrong = event("1", "m2", type="track", properties={"featureId": "calls", "delta": "many"})
    anonymous = Admission("m1", "web", "a1", json.dumps(nobody).encode())
    assert pump(store, account, anonymous, wrong).settled == {"skipped": 1, "bury": 1}
    assert [one["status"] for one in told(account, "_received?limit=9")] == [400, 400]


@pytest.mark.parametrize("answer", [{"mode": "reset"}, {"mode": "hang"}])
def test_in_segment_mode_usage_whose_fate_is_unknown_is_never_sent_again(
    answer: dict[str, object], store: redis.Redis, kana: Kana
) -> None:
    account = kana(**SEGMENT, deadline=0.3)
    post(account, "_answers", **answer, times=1)
    pump(store, account, track("1", "m1"))
    assert pump(store, account) == Report()
    assert Log(store, account).census().unconfirmed == 1
    assert len(told(account, "_received?limit=9")) == 1


def test_in_segment_mode_an_identify_is_sent_again(store: redis.Redis, kana: Kana) -> None:
    account = kana(**SEGMENT, retry={"wait_initial": 0.001})
    post(account, "_answers", mode="reset", times=1)
    pump(store, account, identify("1", "m1", name="Ann"))
    assert Log(store, account).census().delivered == 1
    assert asked(account) == ["identify", "identify"]


def test_in_segment_mode_a_key_that_is_refused_pauses_and_names_its_setting(
    store: redis.Redis, kana: Kana
) -> None:
    account = kana(**SEGMENT)
    post(account, "_settings", api_key="prv_test_another")
    assert "look at segment_key" in pump(store, account, track("1", "m1")).held
    state = Throttle(store, account).state()
    assert (state.paused_by, state.paused_cause) == ("relay", "credentials")
    assert Log(store, account).census().waiting == 1


def test_in_segment_mode_a_limit_of_the_rate_is_waited_out(store: redis.Redis, kana: Kana) -> None:
    account = kana(**SEGMENT)
    post(account, "_answers", status=429, headers={"Retry-After": "60"})
    pump(store, account, track("1", "m1"))
    state = Throttle(store, account).state()
    assert (state.cause, Log(store, account).census().waiting) == ("throttled", 1)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('api_key = "prv_test_x"', {"destination kana": "answers, and takes the credentials"}),
        ('api_key = "prv_no"', {"destination kana": "look at api_key"}),
        (
            'mode = "segment"\nsegment_key = "prv_test_x"',
            {"destination kana": "answers, and does not refuse the credentials"},
        ),
        ('mode = "segment"\nsegment_key = "no"', {"destination kana": "look at segment_key"}),
        (
            'api_key = "prv_test_x"\nunapplied = "segment"\nsegment_key = "no"',
            {
                "destination kana": "answers, and takes the credentials",
                "destination kana (segment)": "look at segment_key",
            },
        ),
        (
            'mode = "segment"',
            {"configuration": 'RELAY_DESTINATIONS__kana__SEGMENT_KEY; mode = "segment" needs it)'},
        ),
        (
            'mode = "segment"\nsegment_key_file = "/nowhere"',
            {"configuration": "expected a file that can be read; /nowhere"},
        ),
        (
            'mode = "segment"\nsegment_key = "x"\ncreate_users = true',
            {"configuration": 'expected it with mode = "admin" only'},
        ),
    ],
)
def test_relay_check_asks_each_api_and_records_nothing(
    written: str, found: dict[str, str], kana: Kana, relay: Callable[..., Result]
) -> None:
    account = kana(api_key=KEY)
    shown = relay("check", "--json", kana=f'base_url = "{account.base_url}"\n{written}')
    items = json.loads(shown.stdout)["items"]
    mine = {
        one["part"]: one["found"] for one in items if one["part"] in {*found, "destination kana"}
    }
    for part, words in found.items():
        assert words in mine[part]
    assert (told(account, "_users"), told(account, "_usage"), told(account, "_unmapped")) == (
        [],
        [],
        [],
    )
