"""How addresses, groups, letters and replays are read and put into words for the console."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.console.letters.asked import Fault, asked
from app.console.letters.checking import Checked, checked
from app.console.letters.deciding import is_typed, named
from app.console.letters.exchange import Step, timeline
from app.console.letters.shown import bars, lately, normalised
from app.console.pages.dead_letters import Letters, told
from app.console.pages.replays import died_again, progress
from app.console.pages.unconfirmed import periods_told
from app.console.retrying import wished
from app.dead_letters import Filter, Group, Opened, letter
from app.delivery import Attempt, Delivery
from app.destination import Period
from app.destinations import KINDS
from app.destinations.kana import KanaAccount
from app.replays import Replay
from app.retries import Place

KANA = KanaAccount(id="kana", api_key="prv_test_x")
EVENT = b'{"type":"track","messageId":"m-1","userId":"u","event":"Call","properties":{"delta":1}}'
TRIED = Delivery(
    "m-1", "web", "u", EVENT, 0, (Attempt(2_500, 400, "refused", 30, "POST /x\n\n{}"),)
)
REPLAY = Replay(
    id="r-1", destination="kable", state="running", total=100, unconfirmed=0, closed_period=0,
    replayed=60, delivered=40, skipped=0, dead=10, unmapped=0, before=1, rate=50.0,
    began_at=1_000_000, ended_at=None, who="dev", filter=Filter(), named=0, standing="",
)  # fmt: skip


def test_an_address_means_a_filter_and_what_means_nothing_is_said() -> None:
    query = {"reason": "odd", "user": " u-1 ", "since": "2026-05-02", "until": "2026-05-01"}
    wish = asked({**query, "destination": "nowhere", "cursor": "x", "sort": "y"}, ["kable"])
    assert wish.filter == Filter(user="u-1", since=1_777_680_000_000)
    assert (wish.destination, wish.cursor) == (None, None)
    assert [one.field for one in wish.faults] == [
        "reason", "until", "destination", "cursor", "sort",
    ]  # fmt: skip
    assert wish.faults[1] == Fault("until", "expected a moment after since")
    assert wish.typed["reason"] == "odd"


def test_an_address_is_changed_without_its_cursor() -> None:
    wish = asked({"user": "a b", "cursor": "17"}, [])
    assert (
        wish.there("/dead-letters", reason="rejected") == "/dead-letters?user=a+b&reason=rejected"
    )
    assert wish.there("/x", user=None) == "/x"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{\n "type": x}', Checked("line 2, column 10: expecting value")),
        ('{"a": NaN}', Checked("expected JSON, in which there is no NaN and no Infinity")),
        ("[" * 5_000, Checked("expected a JSON object that nests less deep")),
        ("[]", Checked("expected a JSON object: Expected `object`, got `array`")),
        ("{}", Checked("messageId: expected 'm-1', found none")),
        (
            EVENT.decode(),
            Checked(told="no rule says what it means: it would be kept as unmapped"),
        ),
        (
            '{"type":"track","messageId":"m-1","userId":"u","event":"Call",'
            '"properties":{"featureId":"calls","delta":1.5}}',
            Checked(
                told="kana does not accept this: properties.delta: expected a whole number from "
                "-2147483648 to 2147483647, or a text of one; found another number"
            ),
        ),
        (
            '{"type":"track","messageId":"m-1","userId":"u","event":"Call",'
            '"properties":{"featureId":"calls","delta":1}}',
            Checked(told="kana can be sent this", good=True),
        ),
    ],
)
def test_an_edited_event_is_checked_before_it_is_saved(text: str, found: Checked) -> None:
    assert checked(text, TRIED, KINDS["kana"], KANA) == found


def test_a_timeline_tells_attempts_and_what_lies_between_them() -> None:
    opened = Opened("0-1-0", 9_000_000, letter(TRIED, "rejected", "refused", 9_000), TRIED)
    assert timeline(opened) == [
        Step("1970-01-01 00:00:00", "accepted"),
        Step("1970-01-01 00:00:02", "attempt 1", "2 s", "answer 400", "refused", "30 ms"),
        Step("1970-01-01 00:00:09", "buried: rejected", "6 s"),
    ]


def test_a_trend_is_drawn_and_told() -> None:
    assert bars([0, 1, 2]) == "M4 24v-12h3v12zM8 24v-24h3v24z"
    assert bars([0, 0]) == ""
    assert lately([5, 0, 1_000]) == "1,000 in the last hour, 1,005 in the last 3 hours"


def test_messages_of_a_group_are_shown_by_what_they_have_in_common() -> None:
    one = Group("g", "rejected", "event 7 is wrong", 400, 1, 0, 0, "")
    assert normalised(one) == "event 7 is wrong"
    assert normalised(replace(one, count=2)) == "event * is wrong"


def test_a_page_that_looked_at_its_bound_says_how_far_it_came() -> None:
    assert told(Letters([], "60000000", 5_000)) == (
        "0 shown, the newest first; looked at 5,000 letters until 1970-01-01 00:01:00: "
        "go on with the older"
    )
    assert told(Letters([], None, 5_000)) == "0 shown, the newest first"


def test_progress_is_what_is_finished_and_how_long_the_rest_takes() -> None:
    found = progress(REPLAY, 1_010_000)
    assert (found.share, found.left_s) == (0.5, 10.0)
    assert progress(replace(REPLAY, delivered=0, dead=0), 1_010_000).left_s is None
    assert progress(replace(REPLAY, state="done"), 1_010_000).left_s is None


def test_letters_that_died_again_are_those_buried_since_a_replay_began() -> None:
    assert died_again(replace(REPLAY, ended_at=1_020_000)) == (
        "/dead-letters?destination=kable&since=1970-01-01+00%3A16%3A40Z"
        "&until=1970-01-01+00%3A17%3A01Z"
    )


def test_a_number_may_be_typed_with_separators() -> None:
    assert is_typed(" 12,345 ", 12_345)
    assert not is_typed("", 0)
    assert not is_typed("1234", 12_345)


def test_retries_are_asked_for_by_an_address() -> None:
    wish = wished({"cursor": "17.3.5-0", "user": " u "}, ["kable"])
    assert (wish.cursor, wish.user, wish.faults) == (Place(17, 3, "5-0"), "u", ())
    assert len(wished({"cursor": "x", "destination": "y"}, ["kable"]).faults) == 2


def test_periods_are_told_in_which_usage_can_lie() -> None:
    may, june, july = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))
    periods = [Period(may, june, 7), Period(june, july, 1_115)]
    assert periods_told(periods, june) == "1,115 from 2026-06-01 to 2026-07-01"
    assert periods_told(periods, july) == "no period since then"


def test_a_question_names_the_filter_that_takes_all() -> None:
    assert named(2, "kable", Filter(user="u", reason="rejected")) == (
        "2 dead letters of kable (reason rejected, user u)"
    )
    assert named(2, "kable", Filter()) == "2 dead letters of kable (all)"
    assert named(1, "kable", ["1-1-0.1"]) == "1 dead letter of kable"
