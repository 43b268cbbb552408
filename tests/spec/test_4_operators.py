"""`relay dead-letters`: what operators read and do, on a terminal and in scripts."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from click.testing import Result
from typer.testing import CliRunner

from app import dead_letters, delivery, items
from app.actions import Actions
from app.cli import relay as command
from app.cli.opened import described
from app.dead_letters import Burial, Buried, DeadLetters, Filter, Opened, Page, merged
from app.dead_letters.edit import edited
from app.delivery import Attempt, Delivery
from app.destination import Usage
from app.keys import DESTINATIONS, destination_key
from app.log import Log
from app.settings import DestinationSettings
from tests.burying import FAULTS, admission, bury, bury_logged
from tests.chaos.letters import figures
from tests.processes import free_port

KABLE = DestinationSettings(id="kable", kind="kable")
KANA = DestinationSettings(id="kana", kind="kana")
NOW = 1_700_000_000_000

Relay = Callable[..., Result]


@pytest.fixture
def log(store: redis.Redis) -> Iterator[Log]:
    log = Log(store, KABLE)
    yield log
    assert log.census().unaccounted == 0


@pytest.fixture
def letters(store: redis.Redis) -> DeadLetters:
    return DeadLetters(store, KABLE)


@pytest.fixture
def relay(tmp_path: Path, store_url: str) -> Relay:
    """Runs `relay dead-letters` with a configuration of two destinations."""
    config = tmp_path / "relay.toml"
    config.write_text(
        f'store_url = "{store_url}"\n'
        '[sources.web]\nwrite_key = "k"\ndestinations = ["kable", "kana"]\n'
        '[destinations.kable]\nkind = "kable"\napi_key = "sk_test.x"\nkable_client_id = "kci_x"\n'
        '[destinations.kana]\nkind = "kana"\napi_key = "prv_test_x"\n'
    )

    def run(*words: str, given: str = "") -> Result:
        return CliRunner().invoke(
            command, ["dead-letters", *words, "--config", str(config)], input=given
        )

    return run


def only(letters: DeadLetters) -> Buried:
    [found] = letters.page(Filter()).items
    return found


def test_a_list_is_the_apis_and_its_cursor_goes_on(log: Log, relay: Relay) -> None:
    bury(log, 5, now=NOW)
    first = json.loads(relay("list", "--limit", "3", "--json").stdout)
    assert first["items"][0] | {"id": "0-0-0"} == {
        "id": "0-0-0",
        "destination": "kable",
        "message_id": "m-4",
        "reason": "rejected",
        "message": FAULTS[0][1],
        "event": "Search",
        "user": "u-4",
        "buried_at": "2023-11-14T22:13:20.000Z",
        "attempts": 0,
        "group": first["items"][0]["group"],
    }
    second = json.loads(
        relay("list", "--limit", "3", "--cursor", first["next_cursor"], "--json").stdout
    )
    ids = [one["message_id"] for one in first["items"] + second["items"]]
    assert (ids, second["next_cursor"]) == (["m-4", "m-3", "m-2", "m-1", "m-0"], None)


def test_a_list_for_people_is_a_row_a_letter_and_says_how_to_go_on(log: Log, relay: Relay) -> None:
    bury(log, 25)
    shown = relay("list", "--reason", "exhausted", "--limit", "1")
    assert "Kable answered 500" in shown.stdout
    assert "there may be more: --cursor " in shown.stderr


def test_groups_are_the_apis(log: Log, letters: DeadLetters, relay: Relay) -> None:
    bury(log, 20)
    found = json.loads(relay("groups", "--json").stdout)
    assert found == {
        "items": [items.group("kable", group) for group in letters.groups()],
        "next_cursor": None,
    }
    assert [one["count"] for one in found["items"]] == [18, 1, 1]
    assert "18" in relay("groups", "--destination", "kable").stdout


def page(*places: int, more: bool = False) -> Page:
    letter = dead_letters.letter(Delivery("m", "web", "u", b"{}", NOW), "rejected", "", NOW)
    items = tuple(Buried(f"0-{at}-0", at, letter) for at in places)
    return Page(items, str(places[-1]) if more else None)


@pytest.mark.parametrize(
    ("pages", "places", "cursor"),
    [
        ({"a": page(9, 5), "b": page(7, 3)}, [9, 7, 5, 3], None),
        ({"a": page(9, 5, more=True), "b": page(7, 3)}, [9, 7, 5], "5"),
        ({"a": page(9, 8, 7, 6), "b": page(5)}, [9, 8, 7, 6], "6"),
        ({"a": page(9, 7, 6, 5), "b": page(6)}, [9, 7, 6, 6], "6"),
        ({"a": page(9, 8, 7, 6), "b": page(6)}, [9, 8, 7, 6, 6], "6"),
        ({"a": page(), "b": page()}, [], None),
    ],
)
def test_pages_of_several_destinations_are_one_that_leaves_nothing_out(
    pages: dict[str, Page], places: list[int], cursor: str | None
) -> None:
    found, next_cursor = merged(pages, 4)
    assert ([one.at for _, one in found], next_cursor) == (places, cursor)


def test_show_tells_what_was_sent_and_numbers_stay_as_they_were(
    letters: DeadLetters, log: Log, relay: Relay
) -> None:
    bury(log, 1)
    id_ = only(letters).id
    event = b'{"messageId":"m-0","type":"track","n":12345678901234567890.10}'
    assert relay("edit", id_, "--json", given=event.decode()).exit_code == 0
    shown = relay("show", id_, "--json").stdout
    assert '"n": 12345678901234567890.10' in shown
    assert json.loads(shown)["original"]["messageId"] == "m-0"
    for words in ("It is now", "12345678901234567890.10", "You sent, before it was edited"):
        assert words in relay("show", id_).stdout


TRIED = Delivery(
    "m-1",
    "web",
    "u-1",
    b'{"messageId":"m-1","type":"track","n":1.10}',
    NOW,
    (
        Attempt(NOW + 1_000, 500, "Kable answered 500", 120),
        Attempt(NOW + 9_000, None, "it timed out", 8_000, "POST /events\n\n{}", "no\x1b[31m"),
    ),
)


def opened(reason: str, tried: Delivery = TRIED) -> Opened:
    message = tried.attempts[-1].error if tried.attempts else "a pump ended while it sent this"
    letter = dead_letters.letter(tried, reason, message, NOW + 20_000)
    return Opened("3-1-0", 35, letter, tried)


def test_show_prints_the_timeline_and_both_sides_of_the_last_attempt() -> None:
    shown = described("kable", opened("exhausted"))
    for line in (
        "dead letter  3-1-0.z of kable",
        "reason       exhausted: it timed out",
        "  1  2023-11-14T22:13:21.000Z  0.120 s  answer 500  Kable answered 500",
        "  2  2023-11-14T22:13:29.000Z  8.000 s  no answer  it timed out",
        '  "n": 1.10',
        "POST /events",
        "no\N{REPLACEMENT CHARACTER}[31m",
        "send it again:   relay dead-letters replay 3-1-0.z --destination kable",
    ):
        assert line in shown.splitlines()


def test_of_what_is_unconfirmed_show_says_what_is_known_and_how_to_find_out() -> None:
    shown = described("kana", opened("unconfirmed"))
    assert "went out at 2023-11-14T22:13:29.000Z and it ended after 8.000 s: it timed" in shown
    assert "relay reconcile kana" in shown
    assert "relay dead-letters discard 3-1-0.z --destination kana --delivered" in shown
    taken_over = opened("unconfirmed", delivery.Delivery("m", "web", "u", b"{}", NOW))
    assert "before 2023-11-14T22:13:40.000Z: a pump ended" in described("kana", taken_over)


@pytest.mark.parametrize("event", [b"nonsense", b'{"a":"\xff"}', b""])
def test_what_is_no_json_is_shown_as_text(event: bytes) -> None:
    broken = opened("untransformable", delivery.Delivery("m", "web", "u", event, NOW))
    text = event.decode(errors="replace")
    assert items.opened("kable", broken)["payload"] == text
    assert text in described("kable", broken)


def test_an_event_is_written_alone_to_be_mended(
    letters: DeadLetters, log: Log, relay: Relay
) -> None:
    bury(log, 1)
    id_ = only(letters).id
    written = relay("show", id_, "--event").stdout
    assert json.loads(written)["messageId"] == "m-0"
    assert relay("edit", id_, given=written).exit_code == 0


def test_an_edit_keeps_the_moments_that_the_new_event_lacks() -> None:
    times = b'"timestamp":"t","originalTimestamp":"o","receivedAt":"r"'
    tried = Delivery("m", "web", "u", b'{"messageId":"m","type":"track",' + times + b"}", NOW)
    new = b'{"messageId":"m","type":"track"'
    kept = edited(tried, new + b"}", ["track"]).event
    assert kept == new + b"," + times + b"}"
    other = edited(tried, new + b',"timestamp":"x"}', ["track"]).event
    assert other == new + b',"timestamp":"x","receivedAt":"r"}'


def test_of_unconfirmed_usage_show_names_the_count_to_compare_with() -> None:
    shown = described("kana", opened("unconfirmed"), Usage("u 1", "calls", 3))
    assert "relay reconcile kana --user 'u 1' --feature calls" in shown


def test_an_edit_that_is_refused_names_the_field(
    letters: DeadLetters, log: Log, relay: Relay, tmp_path: Path
) -> None:
    bury(log, 1)
    (tmp_path / "event.json").write_text('{"messageId": "other", "type": "track"}')
    refused = relay("edit", only(letters).id, "--file", str(tmp_path / "event.json"))
    assert refused.exit_code == 1
    assert "the event is refused: messageId: expected 'm-0', found 'other'" in refused.stderr
    assert relay("edit", only(letters).id, "--file", str(tmp_path)).exit_code == 2


def test_discarding_asks_with_the_exact_count_unless_told_not_to(
    letters: DeadLetters, log: Log, relay: Relay, store: redis.Redis
) -> None:
    bury(log, 100)
    words = ("discard", "--destination", "kable", "--reason", "exhausted")
    assert "5 dead letters would be discarded" in relay(*words, "--dry-run").stdout
    unasked = relay(*words)
    assert unasked.exit_code == 2
    assert "5 dead letters would be discarded for good: expected --yes" in unasked.stderr
    assert letters.count(Filter()) == 100
    ids = [one.id for one in letters.scan(Filter(reason="exhausted"))]
    assert json.loads(relay(*words, "--yes", "--as", "ann", "--json").stdout) == {"count": 5}
    assert (letters.count(Filter()), log.census().discarded) == (95, 5)
    actions = Actions(store, "kable").newest()
    about = f"reason exhausted: {', '.join(ids)}"
    assert [(one.who, one.what, one.count, one.about) for one in actions] == [
        ("ann", "discarded", 5, about),
        ("ann", "discard began", 5, about),
    ]


def test_what_may_have_been_billed_is_named_before_it_is_discarded(log: Log, relay: Relay) -> None:
    bury(log, 100)
    words = ("discard", "--destination", "kable", "--event", "Search")
    doubt = (
        "5 of them are unconfirmed and may have been billed already: --delivered counts them so"
    )
    assert doubt in relay(*words, "--dry-run").stdout
    assert doubt in relay(*words).stderr
    assert json.loads(relay(*words, "--dry-run", "--json").stdout)["unconfirmed"] == 5
    assert doubt not in relay(*words, "--dry-run", "--delivered").stdout


def test_what_was_recorded_is_discarded_as_delivered(
    letters: DeadLetters, log: Log, relay: Relay
) -> None:
    bury(log, 3)
    ids = [one.id for one in letters.scan(Filter())]
    done = relay("discard", *ids[:2], "--delivered", "--yes")
    assert "2 dead letters were counted as delivered" in done.stdout
    assert (log.census().delivered, log.census().dead) == (2, 1)


def test_an_export_is_a_line_a_letter_oldest_first(log: Log, relay: Relay, tmp_path: Path) -> None:
    bury(log, 120)
    exported = relay("export", "--event", "Call")
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [one["message_id"] for one in lines] == [f"m-{n}" for n in range(1, 120, 2)]
    assert lines[0]["payload"]["properties"] == {"delta": 1}
    relay("export", "--event", "Call", "--output", str(tmp_path / "out.ndjson"))
    assert (tmp_path / "out.ndjson").read_text() == exported.stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("show", "0-0-0"), 1, "there is no dead letter 0-0-0 at kable or kana"),
        (("list", "--destination", "nope"), 2, "expected one of: kable, kana"),
        (("list", "--cursor", "x"), 2, "--cursor: expected the next_cursor of a page"),
        (("list", "--since", "soon"), 2, "--since: expected a moment such as"),
        (("list", "--reason", "refused"), 2, "--reason: expected one of rejected, exhausted, "),
        (("groups", "--reason", "refused"), 2, "--reason: expected one of rejected, exhausted, "),
        (("list", "--group", "x"), 2, "--group: expected one of: none"),
        (("export", "--group", "x"), 2, "--group: expected one of: none"),
        (("discard", "--destination", "kana", "--group", "x"), 2, "--group: expected one of"),
        (("replay", "--destination", "kana", "--group", "x"), 2, "--group: expected one of"),
        (("list", "--message-id", ""), 2, "--message-id: expected a text"),
        (("discard", "--yes"), 2, "expected either letters by their ids or a filter"),
        (("discard", "1-1-1", "--user", "u"), 2, "expected either letters by their ids"),
        (("discard", "--user", "u", "--yes"), 2, "a filter needs --destination"),
        (("discard", "1-1-1", "--yes"), 1, "there is no dead letter 1-1-1"),
    ],
)
def test_what_cannot_be_done_says_why(
    relay: Relay, store: redis.Redis, words: tuple[str, ...], code: int, why: str
) -> None:
    store.ping()
    ended = relay(*words)
    assert (ended.exit_code, why in ended.stderr) == (code, True)


def test_a_letter_of_two_destinations_needs_its_destination(
    letters: DeadLetters, log: Log, relay: Relay, store: redis.Redis
) -> None:
    bury(log, 1)
    lying = only(letters)
    partition, entry = lying.key.split("-", 1)
    kana = Log(store, KANA, lambda: lying.at // 1_000)
    kana.append([admission(0)])
    log_of = destination_key("kana", "log:")
    [(logged,)] = [store.scan_iter(log_of + "*")]
    [(_, fields)] = store.xrange(logged)
    store.delete(logged)
    store.xadd(log_of + partition, fields, entry)
    bury_logged(kana)
    ambiguous = relay("show", lying.id)
    assert (ambiguous.exit_code, "kable and kana have a letter" in ambiguous.stderr) == (2, True)
    assert relay("show", lying.id, "--destination", "kana").exit_code == 0


def test_letters_of_a_destination_that_the_settings_forgot_are_read_and_let_go_of(
    relay: Relay, store: redis.Redis, tmp_path: Path
) -> None:
    gone = Log(store, DestinationSettings(id="gone", kind="kana"))
    bury(gone, 3)
    store.hset(DESTINATIONS, "gone", "kana")
    of = ("--destination", "gone")
    listed = json.loads(relay("list", *of, "--json").stdout)["items"]
    assert [one["message_id"] for one in listed] == ["m-2", "m-1", "m-0"]
    assert "m-2" in relay("show", listed[0]["id"], *of).stdout
    (tmp_path / "event.json").write_text('{"messageId": "m-2", "type": "track"}')
    edit = ("edit", listed[0]["id"], "--file", str(tmp_path / "event.json"))
    for words in (("replay",), ("replay", listed[0]["id"]), edit):
        refused = relay(*words, *of)
        told = "the settings name no destination gone: nothing can be sent to it"
        assert (refused.exit_code, told in refused.stderr) == (1, True)
    assert len(relay("export", *of).stdout.splitlines()) == 3
    assert relay("discard", *of, "--reason", "rejected", "--yes").exit_code == 0
    assert (gone.census().dead, gone.census().unaccounted) == (1, 0)


def test_an_id_of_a_former_burial_names_the_present_one(
    letters: DeadLetters, log: Log, relay: Relay
) -> None:
    bury(log, 1)
    now = only(letters)
    former = Burial(now.key, now.at - 1).id
    for verb in ("show", "discard", "replay"):
        ended = relay(verb, former)
        assert ended.stderr.split(former)[1] == (
            f" was replayed and buried again as exhausted: see {now.id}\n"
        )
        assert ended.exit_code == 1


def test_a_store_that_is_away_is_not_reachable(relay: Relay, tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text(re.sub(r"127.0.0.1:\d+", f"127.0.0.1:{free_port()}", config.read_text()))
    ended = relay("groups")
    assert (ended.exit_code, "the store does not answer" in ended.stderr) == (3, True)


def test_the_measurement_of_many_letters_runs(store: redis.Redis) -> None:
    assert dict(figures(store, 2_000))["discard: {'event': 'Search'}, how many"] == 900
