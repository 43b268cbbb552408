"""Dead letters wait for an operator: found by what is known of them, opened, edited, let go."""

import json
from collections.abc import Iterator

import pytest
import redis

from app.actions import Action, Actions
from app.append import Admission
from app.clock import milliseconds
from app.dead_letters import (
    BadFilter,
    BadPayload,
    Burial,
    Buried,
    BuriedAgain,
    Changed,
    DeadLetters,
    Filter,
    Group,
)
from app.dead_letters.found import Lying
from app.fingerprint import fingerprint
from app.keys import destination_key
from app.ledger import days
from app.log import Log
from app.replays import Replays
from app.settings import DestinationSettings
from tests.burying import FAULTS, Fault, admission, bury, bury_logged
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=4)
BEGINNING = 1_700_000_000_000
ACCEPTS = frozenset({"track", "identify"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Iterator[Log]:
    """The log of the destination; after the test nothing is unaccounted for."""
    log = Log(store, ACCOUNT, clock)
    yield log
    census = log.census()
    assert census.unaccounted == 0
    for name in ("accepted", "dead", "delivered", "discarded"):
        assert by_day(store, name) == getattr(census, name)


@pytest.fixture
def letters(store: redis.Redis, clock: Clock, log: Log) -> DeadLetters:  # noqa: ARG001 - checked
    return DeadLetters(store, ACCOUNT, clock)


def by_day(store: redis.Redis, name: str) -> int:
    """The same count from the ledger by day; entries carry the store's own time."""
    return sum(getattr(day, name) for day in days(store, ACCOUNT.id, milliseconds(), 2))


def ids(found: Iterator[Buried] | tuple[Buried, ...]) -> list[str]:
    return [one.letter.id for one in found]


def numbers(found: Iterator[Buried] | tuple[Buried, ...]) -> list[int]:
    return [int(id_.removeprefix("m-")) for id_ in ids(found)]


def all_pages(letters: DeadLetters, filter_: Filter, limit: int) -> list[int]:
    found: list[int] = []
    page = letters.page(filter_, None, limit)
    while page.next_cursor is not None:
        assert len(page.items) <= limit
        found += numbers(page.items)
        page = letters.page(filter_, page.next_cursor, limit)
    return found + numbers(page.items)


def faults_apart(number: int) -> Fault:
    """A fault that is another one with every letter."""
    word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    return "rejected", f"nobody knows {word}"


def test_what_failed_alike_is_one_group_with_its_count_and_its_ends(
    letters: DeadLetters, log: Log, clock: Clock
) -> None:
    bury(log, 20)
    clock.now += 1_000
    first, last = (
        letters.page(Filter(reason="rejected")).items[-1],
        letters.page(Filter()).items[0],
    )
    [newest, *_] = letters.groups()
    assert newest == Group(
        id=fingerprint("rejected", None, FAULTS[0][1]),
        reason="rejected",
        message="Kable answered 400, clientId is unknown",
        status=None,
        count=18,
        first_at=BEGINNING,
        last_at=BEGINNING,
        sample=last.id,
    )
    assert first.letter.id == "m-1"
    assert [group.count for group in letters.groups("unconfirmed")] == [1]


def test_letters_are_listed_newest_first_page_by_page(letters: DeadLetters, log: Log) -> None:
    bury(log, 45)
    assert all_pages(letters, Filter(), 10) == list(reversed(range(45)))
    assert all_pages(letters, Filter(), 9) == list(reversed(range(45)))
    assert letters.page(Filter(), None, 45).next_cursor is None


def test_letters_that_come_while_one_pages_move_nothing(
    letters: DeadLetters, log: Log, clock: Clock
) -> None:
    bury(log, 20)
    page = letters.page(Filter(), None, 10)
    clock.now += 1
    log.append([admission(99)])
    bury_logged(log, now=clock.now)
    letters.discard([page.items[3].id])
    assert numbers(letters.page(Filter(), page.next_cursor, 10).items) == list(range(9, -1, -1))


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (Filter(reason="exhausted"), [0, 20, 40]),
        (Filter(reason="unconfirmed"), [10, 30, 50]),
        (Filter(group=fingerprint("exhausted", None, FAULTS[1][1])), [0, 20, 40]),
        (Filter(reason="rejected", group=fingerprint("exhausted", None, FAULTS[1][1])), []),
        (Filter(reason="nothing"), []),
        (Filter(group="nothing"), []),
        (Filter(user="u-7"), [7]),
        (Filter(event="Search", reason="unconfirmed"), [10, 30, 50]),
        (Filter(event="Call", reason="unconfirmed"), []),
        (Filter(message_id="m-5"), [5]),
        (Filter(message_id="m-5", reason="exhausted"), []),
        (Filter(message_id="m-"), []),
        (Filter(since=BEGINNING, until=BEGINNING + 1, reason="exhausted"), [0, 20, 40]),
        (Filter(since=BEGINNING + 1), []),
        (Filter(until=BEGINNING), []),
    ],
)
def test_a_filter_finds_what_matches_it_and_nothing_else(
    letters: DeadLetters, log: Log, filter_: Filter, expected: list[int]
) -> None:
    bury(log, 60)
    assert numbers(letters.scan(filter_)) == expected
    assert all_pages(letters, filter_, 2) == expected[::-1]
    assert letters.count(filter_) == len(expected)


def test_several_groups_are_walked_as_if_they_were_one(letters: DeadLetters, log: Log) -> None:
    bury(log, 300, lambda number: faults_apart(number % 7))
    bury_order = list(range(300))
    assert len(letters.groups()) == 7
    assert numbers(letters.scan(Filter(reason="rejected"))) == bury_order
    assert all_pages(letters, Filter(reason="rejected"), 13) == bury_order[::-1]


def test_the_parts_of_an_event_are_found_by_its_message_id(letters: DeadLetters, log: Log) -> None:
    names = ["m", "m#1", "m#2", "m#x", "mm", "m#1#1"]
    log.append([Admission(name, "web", "u", b"{}") for name in names])
    bury_logged(log)
    assert sorted(ids(letters.scan(Filter(message_id="m")))) == ["m", "m#1", "m#2"]


def test_a_filter_that_no_index_knows_looks_at_a_bounded_number_of_letters(
    letters: DeadLetters, log: Log
) -> None:
    bury(log, 12_000, lambda number: FAULTS[number % 2 if number > 3 else 0])
    calls = Filter(reason="rejected", event="Call")
    page = letters.page(calls)
    assert (page.items, page.next_cursor is None) == ((), False)
    rest = letters.page(calls, page.next_cursor)
    assert (numbers(rest.items), rest.next_cursor) == ([3, 1], None)


def test_a_scan_ends_where_it_was_told_and_goes_on_where_it_was(
    letters: DeadLetters, log: Log, clock: Clock
) -> None:
    assert letters.end() == 0
    bury(log, 10)
    end = letters.end()
    clock.now += 5
    log.append([admission(99)])
    bury_logged(log)
    assert numbers(letters.scan(Filter(), before=end)) == list(range(10))
    assert letters.count(Filter(), before=end) == 10
    [*_, third] = [one for one, _ in zip(letters.scan(Filter()), range(3), strict=False)]
    assert numbers(letters.scan(Filter(), before=end, after=third.at)) == list(range(3, 10))


def test_beyond_a_thousand_groups_there_is_one_more_for_each_reason(
    letters: DeadLetters, log: Log
) -> None:
    bury(log, 1_003, faults_apart)
    groups = letters.groups()
    assert (len(groups), groups[0].id, groups[0].count) == (1_001, "other-rejected", 3)
    others = Filter(group="other-rejected")
    assert numbers(letters.scan(others)) == [1_000, 1_001, 1_002]
    assert {one.letter.group for one in letters.page(others).items} == {"other-rejected"}
    assert all_pages(letters, Filter(reason="rejected"), 400) == list(reversed(range(1_003)))


def test_a_letter_is_opened_with_its_event_and_its_attempts(
    letters: DeadLetters, log: Log
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items
    opened = letters.open(found.id)
    assert opened is not None
    assert (opened.letter, json.loads(opened.delivery.event)["userId"]) == (found.letter, "u-0")
    assert letters.open("0-0-0.0") is None


@pytest.mark.parametrize("end", ["discarded", "delivered"])
def test_what_is_discarded_is_finished_and_nothing_names_it_any_more(
    letters: DeadLetters, log: Log, store: redis.Redis, end: str
) -> None:
    bury(log, 250)
    ids = [one.id for one in letters.scan(Filter())]
    assert letters.discard(ids, "delivered" if end == "delivered" else "discarded") == 250
    assert letters.discard(ids) == 0
    assert (getattr(log.census(), end), log.census().dead) == (250, 0)
    told = destination_key("kable", "dead:told").encode()  # ends by itself
    assert set(store.scan_iter(destination_key("kable", "dead") + "*")) <= {told}


def test_what_matches_is_discarded_in_steps_and_what_came_later_stays(
    letters: DeadLetters, log: Log
) -> None:
    bury(log, 400)
    end = letters.end()
    log.append([admission(440)])
    bury_logged(log)
    assert list(letters.discard_all(Filter(reason="exhausted"), end)) == [20]
    assert list(letters.discard_all(Filter(event="Call"), end)) == [25] * 8
    assert letters.count(Filter()) == 400 - 220 + 1


def event_of(number: int, **fields: object) -> bytes:
    return json.dumps(
        {"messageId": f"m-{number}", "type": "track", "event": "Mended", **fields}, indent=1
    ).encode()


def test_an_edited_event_keeps_every_byte_of_its_values_and_the_first_one_beside_it(
    letters: DeadLetters, log: Log
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items
    before = letters.open(found.id)
    assert before is not None
    first = b'{ "messageId": "m-0", "type": "track", "event": "One", "n": 1.10e0 }'
    for event in (first, event_of(0)):
        edited = letters.edit(found.id, event, ACCEPTS)
    opened = letters.open(found.id)
    assert opened == edited
    assert opened is not None
    assert opened.delivery.event == b'{"messageId":"m-0","type":"track","event":"Mended"}'
    assert opened.delivery.original == before.delivery.event
    assert [one.letter.event for one in letters.scan(Filter(event="Mended"))] == ["Mended"]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (b"[]", "expected a JSON object"),
        (b'{"a":1', "expected a JSON object"),
        (b'{"a":"\xff"}', "expected a JSON object in UTF-8"),
        (b'{"a":' + b"[" * 100_000, "nests less deep"),
        (event_of(1), "messageId: expected 'm-0', found 'm-1'"),
        (b'{"type":"track"}', "messageId: expected 'm-0', found none"),
        (event_of(0, type="alias"), "type: expected one of identify, track; found 'alias'"),
        (event_of(0, type=3), "type: expected one of identify, track; found no text"),
        (event_of(0, x="x" * 40_000), "expected at most 32,768 bytes, found 40,"),
    ],
)
def test_an_event_that_cannot_take_the_place_is_refused_by_its_field(
    letters: DeadLetters, log: Log, event: bytes, why: str
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items
    before = letters.open(found.id)
    with pytest.raises(BadPayload, match=why):
        letters.edit(found.id, event, ACCEPTS)
    assert letters.open(found.id) == before
    assert letters.edit("0-0-0.0", event, ACCEPTS) is None


def test_a_letter_that_was_changed_meanwhile_is_not_edited(
    letters: DeadLetters, log: Log, store: redis.Redis
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items

    class Slow(DeadLetters):
        """Between its reading and its writing another operator edits the letter."""

        def _lying(self, named: Burial) -> Lying | None:
            lying = super()._lying(named)
            letters.edit(found.id, event_of(0), ACCEPTS)
            return lying

    with pytest.raises(Changed):
        Slow(store, ACCOUNT).edit(found.id, event_of(0, event="Other"), ACCEPTS)
    assert [one.letter.event for one in letters.scan(Filter())] == ["Mended"]


def bury_again(store: redis.Redis, log: Log, clock: Clock, fault: Fault) -> None:
    """Another operator replays all that is dead, and it comes back for this fault."""
    replays = Replays(store, ACCOUNT, clock)
    begun = replays.begin(Filter(), 100, "bob")
    clock.now += 1_000
    replays.step()
    replays.cancel(begun.id)
    bury_logged(log, lambda _: fault, clock.now)


def test_an_id_means_one_burial_and_not_what_comes_back(
    letters: DeadLetters, log: Log, clock: Clock, store: redis.Redis
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items
    bury_again(store, log, clock, ("unconfirmed", "no answer"))
    [now] = letters.page(Filter()).items
    assert (now.key, now.letter.reason, now.id != found.id) == (found.key, "unconfirmed", True)
    again = f"{found.id} was replayed and buried again as unconfirmed: see {now.id}"
    with pytest.raises(BuriedAgain, match=again):
        letters.open(found.id)
    with pytest.raises(BuriedAgain, match=again):
        letters.edit(found.id, event_of(0), ACCEPTS)
    assert letters.discard([found.id, found.key, "nonsense"]) == 0
    assert Replays(store, ACCOUNT, clock).dry_run([found.id, found.key]).count == 0
    assert letters.page(Filter()).items == (now,)


def test_a_letter_that_was_buried_again_meanwhile_is_not_edited(
    letters: DeadLetters, log: Log, clock: Clock, store: redis.Redis
) -> None:
    bury(log, 1)
    [found] = letters.page(Filter()).items

    class Slow(DeadLetters):
        """Between its reading and its writing the letter comes back for another reason."""

        def _lying(self, named: Burial) -> Lying | None:
            lying = super()._lying(named)
            bury_again(store, log, clock, ("exhausted", "no answer"))
            return lying

    with pytest.raises(Changed):
        Slow(store, ACCOUNT, clock).edit(found.id, event_of(0), ACCEPTS)
    assert [(one.reason, one.count) for one in letters.groups()] == [("exhausted", 1)]
    assert [one.letter.reason for one in letters.scan(Filter())] == ["exhausted"]


def test_a_filter_is_kept_as_json() -> None:
    whole = {
        "reason": "rejected",
        "group": "g",
        "event": "e",
        "user": "u",
        "message_id": "m",
        "since": "2023-11-14T22:13:20.000Z",
        "until": "2023-11-15T00:00:00.000Z",
    }
    assert Filter.read(whole).written() == whole
    assert Filter.read(whole).since == BEGINNING
    assert Filter.read({"reason": None}) == Filter()
    assert Filter.read({"since": "2023-11-15"}).since == Filter.read(whole).until


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.999Z"),
        ("2026-05-01T00:00:00.0019", "2026-05-01T00:00:00.001Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_kept_to_the_millisecond_and_never_rounded_up(given: str, kept: str) -> None:
    assert Filter.read({"until": given}).written() == {"until": kept}
    assert Filter.read({"until": kept}) == Filter.read({"until": given})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"reasn": "x"}, "reasn: expected one of reason, group,"),
        ({"user": ""}, "user: expected a text, found an empty one"),
        ({"user": 3}, "user: expected a text, found int"),
        ({"since": "yesterday"}, "since: expected a moment such as 2026-05-01"),
        ({"since": "2026-05-02", "until": "2026-05-01"}, "until: expected a moment after since"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_by_its_field(
    fields: dict[str, object], why: str
) -> None:
    with pytest.raises(BadFilter, match=why):
        Filter.read(fields)


def test_what_operators_did_is_kept_newest_first(store: redis.Redis, clock: Clock) -> None:
    actions = Actions(store, "kable", clock)
    actions.record("ann", "paused", about="an incident")
    clock.now += 1
    actions.record("bob", "discarded", 3)
    assert actions.newest() == [
        Action(BEGINNING + 1, "bob", "discarded", 3),
        Action(BEGINNING, "ann", "paused", 1, "an incident"),
    ]
