"""The verbs of an operator, which command line, API and pages share."""

from collections.abc import Callable, Iterator

import pytest
import redis
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.actions import Actions
from app.dead_letters import DeadLetters, Filter
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.flags import Flags
from app.keys import DESTINATIONS
from app.log import Log
from app.mapping import Rule
from app.operating import (
    Absent,
    Conflict,
    Discards,
    DiscardSurvey,
    Operator,
    Refused,
    Resumed,
    Wrong,
)
from app.settings import DestinationSettings, Settings, SourceSettings
from tests.burying import bury
from tests.processes import wait_until

KABLE = KableAccount(id="kable", api_key="sk_test.x", kable_client_id="kci_x")
KANA = KanaAccount(id="kana", api_key="prv_test_x")
GONE = DestinationSettings(id="gone", kind="kable")
RULE = Rule(id="r", feature="reports", event="Report Exported")
EVENT = b'{"type":"track","event":"Search","messageId":"m-0","userId":"u-0","properties":{}}'


@pytest.fixture
def operator(store: redis.Redis, store_url: str) -> Operator:
    web = SourceSettings(id="web", write_key=SecretStr("k"), destinations=("kable",))
    settings = Settings(
        store_url=SecretStr(store_url),
        sources={"web": web},
        destinations={"kable": KABLE, "kana": KANA},
    )
    return Operator(store, settings, "ann")


@pytest.fixture
def log(store: redis.Redis) -> Iterator[Log]:
    log = Log(store, KABLE)
    yield log
    assert log.census().unaccounted == 0


def letter(store: redis.Redis) -> str:
    return DeadLetters(store, KABLE).page(Filter()).items[0].id


def recorded(store: redis.Redis, destination: str = "kable") -> list[tuple[str, str, int, str]]:
    newest = Actions(store, destination).newest()
    return [(one.who, one.what, one.count, one.about) for one in reversed(newest)]


def test_what_was_done_is_recorded_with_who_did_it_and_what_was_done_already_is_not(
    operator: Operator, store: redis.Redis
) -> None:
    assert [operator.pause("kable", "they move"), operator.pause("kable", "again")] == [
        True,
        False,
    ]
    ended = [operator.resume("kable"), operator.resume("kable")]
    assert ended == [Resumed(ended=True, pause="operator: again"), Resumed(ended=False, pause="")]
    assert recorded(store) == [
        ("ann", "paused", 1, "they move"),
        ("ann", "resumed", 1, "operator: again"),
    ]


def test_edit_and_replay_are_two_actions(operator: Operator, store: redis.Redis, log: Log) -> None:
    bury(log, 1)
    id_ = letter(store)
    operator.edit("kable", id_, EVENT)
    begun = operator.replay("kable", [id_])
    cancelled = [operator.cancel(begun.id), operator.cancel(begun.id)]
    assert [one.state for one in cancelled] == ["cancelled", "cancelled"]
    assert recorded(store) == [
        ("ann", "edited", 1, id_),
        ("ann", "replay began", 1, f"{begun.id}: 1 by id"),
        ("ann", "replay cancelled", 1, begun.id),
    ]


def test_a_discard_takes_what_its_survey_counted_and_nothing_that_was_buried_later(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 100)
    survey = operator.discard_survey("kable", Filter())
    bury(log, 101)
    seen: list[int] = []
    assert operator.discard("kable", Filter(), "delivered", survey, seen.append) == 100
    assert (survey.count, survey.unconfirmed, seen) == (100, 5, [25, 50, 75, 100])
    about = f"all: {', '.join(survey.first)} and 90 more"
    assert recorded(store) == [
        ("ann", "discard as delivered began", 100, about),
        ("ann", "discarded as delivered", 100, about),
    ]


def test_a_discard_takes_no_more_than_was_counted_whatever_matches_later(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 40)
    calls, letters = Filter(event="Call", reason="rejected"), DeadLetters(store, KABLE)
    survey = operator.discard_survey("kable", calls)
    search = next(letters.scan(Filter(user="u-2")))
    operator.edit("kable", search.id, EVENT.replace(b"-0", b"-2").replace(b"Search", b"Call"))
    assert letters.count(calls) == 21
    assert operator.discard("kable", calls, "discarded", survey) == survey.count == 20


def test_a_search_is_walked_once_to_be_counted_and_once_to_be_discarded_and_both_tell_of_it(
    operator: Operator, log: Log
) -> None:
    bury(log, 1_200)
    counting: list[int] = []
    discarding: list[int] = []
    doubtful = Filter(event="Search", reason="unconfirmed")
    survey = operator.discard_survey("kable", doubtful, counting.append)
    assert (survey.count, survey.unconfirmed, len(survey.first)) == (60, 60, 10)
    operator.discard("kable", doubtful, "discarded", survey, discarding.append)
    assert (counting, discarding) == ([60], [25, 50, 60])


def test_a_discard_that_finds_nothing_for_long_is_heard_of_and_may_be_ended(
    store: redis.Redis, log: Log
) -> None:
    bury(log, 1_200)
    letters = DeadLetters(store, KABLE)
    none = Filter(event="Call", reason="unconfirmed")
    seen: list[int] = []
    steps = letters.discard_all(none, letters.end(), looked=seen.append)
    assert (list(steps), seen) == ([], [60])


def test_letters_are_named_once_and_count_only_while_they_are_there(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 2)
    ids = [one.id for one in DeadLetters(store, KABLE).scan(Filter())]
    assert operator.discard("kable", ids[:1]) == 1
    survey = operator.discard_survey("kable", [*ids, ids[1], "nonsense"])
    assert (survey.count, survey.unconfirmed) == (1, 0)
    assert operator.discard_survey("kable", []) == DiscardSurvey(0, 0, survey.before)


def test_a_discard_that_is_interrupted_records_what_it_did(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 100)

    def interrupt(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        operator.discard("kable", Filter(), progress=interrupt)
    assert [(what, count) for _, what, count, _ in recorded(store)] == [
        ("discard began", 100),
        ("discarded", 25),
    ]


def test_rules_and_flags_are_recorded(operator: Operator, store: redis.Redis) -> None:
    assert operator.add_rule("kana", RULE).unmapped == 0
    operator.remove_rule("kana", "r")
    assert operator.resolve("kana", ["no flag"]).missing == ("no flag",)
    assert Flags(store, "kana").page(None, 1).flags == ()
    assert [what for _, what, _, _ in recorded(store, "kana")] == ["rule added", "rule removed"]


@pytest.mark.parametrize(
    ("verb", "kind", "code", "field"),
    [
        (lambda ann: ann.pause("nope"), Absent, "unknown_destination", ""),
        (lambda ann: ann.pause("gone"), Conflict, "orphaned", ""),
        (lambda ann: ann.replay("gone", Filter()), Conflict, "orphaned", ""),
        (lambda ann: ann.edit("kable", "1-1-1.1", EVENT), Absent, "unknown_letter", ""),
        (lambda ann: ann.replay("kable", Filter()), Conflict, "nothing_to_replay", ""),
        (lambda ann: ann.replay("kable", ["x"] * 10_001), Wrong, "too_many_ids", "ids"),
        (lambda ann: ann.discard("kable", ["x"] * 10_001), Wrong, "too_many_ids", "ids"),
        (lambda ann: ann.cancel("0123"), Absent, "unknown_replay", ""),
        (lambda ann: ann.add_rule("kable", RULE), Conflict, "no_rules_apply", ""),
        (lambda ann: ann.remove_rule("kana", "r"), Absent, "unknown_rule", ""),
        (lambda ann: ann.discard("nope", Filter()), Absent, "unknown_destination", ""),
    ],
)
def test_what_is_refused_says_which_way_and_records_nothing(
    operator: Operator,
    store: redis.Redis,
    verb: Callable[[Operator], object],
    kind: type[Refused],
    code: str,
    field: str,
) -> None:
    store.hset(DESTINATIONS, "gone", "kable")
    with pytest.raises(kind) as refused:
        verb(operator)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert [recorded(store, one) for one in ("kable", "kana", "gone")] == [[], [], []]


def test_what_cannot_run_now_is_a_conflict_and_what_is_wrong_names_its_field(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 3)
    begun = operator.replay("kable", [letter(store)])
    refused: list[tuple[str, str]] = []
    for verb in (
        lambda: operator.replay("kable", Filter()),
        lambda: operator.replay("kable", Filter(), rate=0.5),
        lambda: operator.edit("kable", letter(store), b'{"messageId": "other"}'),
        lambda: operator.add_rule("kana", RULE) and operator.add_rule("kana", RULE),
    ):
        with pytest.raises(Refused) as found:
            verb()
        refused.append((found.value.code, found.value.field))
    assert refused == [
        ("replay_running", ""),
        ("bad_rate", "rate"),
        ("bad_payload", "messageId"),
        ("rule_exists", "id"),
    ]
    assert operator.cancel(begun.id).state == "cancelled"


def test_letters_of_an_orphan_may_be_let_go_of(operator: Operator, store: redis.Redis) -> None:
    gone = Log(store, GONE)
    bury(gone, 3)
    store.hset(DESTINATIONS, "gone", "kable")
    assert operator.discard("gone", Filter()) == 3
    assert (gone.census().discarded, gone.census().unaccounted) == (3, 0)
    assert [what for _, what, _, _ in recorded(store, "gone")] == ["discard began", "discarded"]


def test_a_console_that_ends_records_what_its_discards_did(
    operator: Operator, store: redis.Redis, log: Log
) -> None:
    bury(log, 200)
    discards, survey = Discards(), operator.discard_survey("kable", Filter())
    begun = discards.begin(operator, "kable", Filter(), "discarded", survey, rate=1)
    wait_until(lambda: log.census().dead == 175)
    discards.close()
    ended = discards.one(begun.id)
    assert ended is not None
    assert (ended.state, ended.discarded, ended.total) == ("cancelled", 25, 200)
    assert [(who, count) for who, _, count, _ in recorded(store)] == [("ann", 200), ("ann", 25)]


def test_a_discard_that_cannot_go_on_says_so_and_logs_no_word_of_its_own(
    operator: Operator,
) -> None:
    discards, survey = Discards(), DiscardSurvey(1, 0, 0)
    with capture_logs() as lines:
        begun = discards.begin(operator, "rk-secret", Filter(), "discarded", survey)
        ended = discards.one(begun.id, within_s=10)
    assert ended is not None
    assert (ended.state, ended.discarded) == ("failed", 0)
    [error] = [line["error"] for line in lines if line["event"] == "discard.failed"]
    assert error.startswith("app.operating.refusals.Absent: there is no ")
    assert "secret" not in error


def test_a_discard_that_runs_is_kept_beside_the_hundred_newest(
    operator: Operator, log: Log
) -> None:
    bury(log, 50)
    discards, survey = Discards(), operator.discard_survey("kable", Filter())
    running = discards.begin(operator, "kable", Filter(), "discarded", survey, rate=1)
    for _ in range(100):
        brief = discards.begin(operator, "kana", Filter(), "discarded", DiscardSurvey(0, 0, 0))
        discards.one(brief.id, within_s=10)
    kept = discards.newest()
    assert (len(kept), kept[-1].id, kept[-1].state) == (100, running.id, "running")
    with pytest.raises(Conflict):
        discards.begin(operator, "kable", Filter(), "discarded", survey)
    discards.close()
