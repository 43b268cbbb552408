"""Dead letters are found, understood, mended, replayed and let go of in the console."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
import requests
from playwright.sync_api import Page, expect

from app.actions import Actions
from app.append import Admission
from app.dead_letters import DeadLetters, Filter
from app.log import Log
from app.settings import DestinationSettings
from tests.browser.conftest import VIEWER, Console, Relay, Visit
from tests.burying import bury, bury_logged
from tests.processes import wait_until

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "``` {{7*7}} ${alert(2)} `",
    '"><svg onload=alert(3)>',
    "&lt;b&gt;&amp;",
    "w" * 300,
)


@contextmanager
def refused(relay: Relay, *users: str) -> Iterator[None]:
    """Kable refuses events of these."""
    settings = f"{relay.sandbox}/kable/_settings"
    assert requests.post(settings, json={"refuse_client_ids": users}, timeout=10).ok
    try:
        yield
    finally:
        requests.delete(settings, timeout=10)


def kable(relay: Relay) -> DeadLetters:
    return DeadLetters(relay.store, relay.settings.destinations["kable"])


def fill(console: Console, store: redis.Redis, count: int) -> DeadLetters:
    account = console.settings.destinations["kable"]
    bury(Log(store, account), count)
    return DeadLetters(store, account)


def say(page: Page, verb: str) -> None:
    """Press the button in the dialog that asks."""
    page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()


def test_a_group_is_found_a_letter_opened_its_event_mended_and_replayed(
    relay: Relay, visit: Visit
) -> None:
    relay.send(messageId="mended", properties={"featureId": "calls", "delta": "many", "n": 2**70})
    kana = DeadLetters(relay.store, relay.settings.destinations["kana"])
    wait_until(lambda: kana.count(Filter(message_id="mended")))
    page = visit(relay.console)
    page.goto("/dead-letters?destination=kana")
    page.get_by_role("link", name="properties.delta: expected").first.click()
    page.get_by_role("row", name="mended").get_by_role("link").first.click()
    expect(page.get_by_text("It was refused: properties.delta")).to_be_visible()
    page.get_by_role("button", name="Edit and replay…").click()
    editor = page.locator(".cm-content")
    expect(editor).to_contain_text(str(2**70))
    text = "".join(editor.locator(".cm-line").all_inner_texts())
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text.replace('"many"', "3x"))
    expect(page.get_by_text(re.compile(r"line 1, column \d+: expecting"))).to_be_visible()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text.replace('"many"', "3"))
    expect(page.get_by_text("kana can be sent this")).to_be_visible()
    page.get_by_role("button", name="Save and replay…").click()
    say(page, "Replay")
    expect(page.get_by_role("status").get_by_text("Delivered.")).to_be_visible()
    assert (kana.count(Filter(message_id="mended"))) == 0


def test_all_that_match_are_replayed_with_progress_and_a_replay_is_cancelled(
    relay: Relay, visit: Visit
) -> None:
    with refused(relay, "stuck"):
        for number in range(12):
            relay.send(messageId=f"stuck-{number}", userId="stuck")
        wait_until(lambda: kable(relay).count(Filter(user="stuck")) == 12)
        page = visit(relay.console)
        page.goto("/dead-letters?destination=kable&user=stuck")
        page.get_by_role("button", name="Replay all…").click()
        expect(page.get_by_role("dialog")).to_contain_text(
            "Replay 12 dead letters of kable (user stuck)?"
        )
        page.get_by_label("Letters a second at most").fill("1")
        say(page, "Replay")
        expect(page.get_by_text(re.compile("running: [1-9] of 12 replayed"))).to_be_visible()
        page.get_by_role("button", name="Cancel…").click()
        say(page, "Cancel the replay")
        expect(page.get_by_text(re.compile("^cancelled: "))).to_be_visible()
    page.goto("/dead-letters?destination=kable&user=stuck")
    page.get_by_role("button", name="Replay all…").click()
    say(page, "Replay")
    expect(
        page.get_by_text(re.compile(r"^done: (\d+) of \1 replayed \(\1 delivered\)"))
    ).to_be_visible()
    assert kable(relay).count(Filter(user="stuck")) == 0


def test_a_selection_is_discarded_after_its_count_and_that_is_recorded(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 20)
    page.goto("/dead-letters?destination=kable&reason=rejected")
    boxes = page.get_by_role("checkbox", name=re.compile("^Choose "))
    boxes.nth(0).click()
    boxes.nth(2).click()
    expect(page.get_by_text("2 chosen:")).to_be_visible()
    page.get_by_role("button", name="Discard…", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("2 dead letters will be discarded for good")
    say(page, "Discard")
    expect(page.get_by_text("16 shown")).to_be_visible()
    assert letters.count(Filter()) == 18
    done = [(one.who, one.what, one.count) for one in Actions(store, "kable").newest()]
    assert done == [("dev", "discarded", 2), ("dev", "discard began", 2)]


def test_all_letters_of_a_page_are_chosen_at_once_on_a_phone_too(
    console: Console, visit: Visit, store: redis.Redis
) -> None:
    fill(console, store, 20)
    page = visit(console.address, viewport={"width": 400, "height": 800})
    page.goto("/dead-letters?destination=kable&reason=rejected")
    page.get_by_role("checkbox", name="All", exact=True).click()
    expect(page.get_by_text("18 chosen:")).to_be_visible()


def test_a_discard_goes_on_when_its_page_is_closed(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 4_000)
    page.goto("/dead-letters?destination=kable&reason=rejected")
    page.get_by_role("button", name="Discard all…").click()
    page.get_by_label("Type 3,600 to go on").fill("3600")
    say(page, "Discard")
    wait_until(lambda: letters.count(Filter()) < 4_000)
    page.close()
    wait_until(lambda: letters.count(Filter(reason="rejected")) == 0)
    wait_until(lambda: len(Actions(store, "kable").newest()) > 1)
    done = [(one.what, one.count) for one in Actions(store, "kable").newest()]
    assert done == [("discarded", 3_600), ("discard began", 3_600)]


def test_a_discard_that_is_stopped_says_how_far_it_came(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 4_000)
    page.goto("/dead-letters?destination=kable&reason=rejected")
    page.get_by_role("button", name="Discard all…").click()
    page.get_by_label("Type 3,600 to go on").fill("3600")
    store.client_pause(60_000, all=False)  # nothing is written before somebody could say Stop
    say(page, "Discard")
    say(page, "Stop")
    expect(page.get_by_role("dialog")).to_be_hidden()
    store.client_unpause()
    expect(
        page.get_by_text(re.compile("^Stopped: .* of 3,600 discarded for good"))
    ).to_be_visible()
    done, began = Actions(store, "kable").newest()
    assert began.count == 3_600
    assert done.count == 4_000 - letters.count(Filter())


def test_unconfirmed_letters_are_let_go_of_once_their_number_is_typed(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 40)
    page.goto("/unconfirmed?destination=kable")
    page.get_by_role("button", name="Discard all as delivered…").click()
    go = page.get_by_role("dialog").get_by_role("button", name="Discard as delivered", exact=True)
    expect(go).to_be_disabled()
    page.get_by_label("Type 2 to go on").fill("3")
    expect(go).to_be_disabled()
    page.get_by_label("Type 2 to go on").fill("2")
    go.click()
    expect(page.get_by_text("Nothing is unconfirmed at kable")).to_be_visible()
    assert letters.count(Filter(reason="unconfirmed")) == 0
    assert Log(store, console.settings.destinations["kable"]).census().delivered == 2


def test_who_leaves_the_dialog_changes_nothing(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 4)
    page.goto("/dead-letters?destination=kable&reason=rejected")
    page.get_by_role("button", name="Discard all…").click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_contain_text("Discard")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert letters.count(Filter()) == 4


def test_the_filter_stands_in_the_address_and_says_what_is_wrong_with_it(
    page: Page, console: Console, store: redis.Redis
) -> None:
    fill(console, store, 20)
    page.goto("/dead-letters?reason=odd&since=yesterday&user=u-3&cursor=x")
    alerts = page.get_by_role("alert")
    expect(alerts).to_contain_text(
        ["reason: expected one of", "since: expected a moment", "cursor:"]
    )
    expect(page.get_by_label("Since (UTC)")).to_have_value("yesterday")
    expect(page.get_by_text("1 shown, the newest first")).to_be_visible()
    page.get_by_label("Since (UTC)").fill("1970-01-01")
    page.get_by_label("User").fill("u-4")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/dead-letters?*user=u-4*")
    expect(page.get_by_role("cell", name="u-4", exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ["/dead-letters", "/unconfirmed"])
def test_all_that_match_are_left_alone_while_the_filter_is_at_fault(
    page: Page, console: Console, store: redis.Redis, path: str
) -> None:
    fill(console, store, 20)
    page.goto(f"{path}?destination=kable&reason=rejectd&since=yesterday")
    expect(page.get_by_text("these are more without reason, since")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile(" all"))).to_have_count(0)
    page.goto(f"{path}?destination=kable")
    expect(page.get_by_role("button", name=re.compile(" all"))).to_have_count(3)


def test_letters_of_an_orphan_are_let_go_of_and_not_replayed(
    page: Page, store: redis.Redis
) -> None:
    bury(Log(store, DestinationSettings(id="old", kind="kable")), 1)
    page.goto("/dead-letters?destination=old")
    expect(page.get_by_role("button", name="Discard all…")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Replay"))).to_have_count(0)


def test_a_letter_leads_to_the_next_one_of_its_filter(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 40)
    newest, older = letters.page(Filter(reason="unconfirmed")).items
    page.goto(f"/dead-letters/kable/{newest.id}?reason=unconfirmed")
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(f"**/dead-letters/kable/{older.id}?reason=unconfirmed")
    expect(page.get_by_role("link", name="Older")).to_have_count(0)


def test_a_letter_that_is_gone_says_what_became_of_it(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 1)
    [letter] = letters.page(Filter()).items
    page.goto(f"/dead-letters/kable/{letter.id}")
    page.get_by_role("button", name="Discard…", exact=True).click()
    say(page, "Discard")
    expect(page.get_by_text("1 dead letter discarded for good")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This letter is gone: discarded by dev")).to_be_visible()
    page.goto("/dead-letters/kable/dev")
    expect(page.get_by_text("There is no dead letter dev at kable.")).to_be_visible()


def test_an_edit_of_an_event_too_long_to_be_compared_shows_both_sides(
    page: Page, console: Console, store: redis.Redis
) -> None:
    letters = fill(console, store, 1)
    [letter] = letters.page(Filter()).items
    event = {"type": "track", "messageId": "m-0", "properties": {"n": [*range(600)]}}
    letters.edit(letter.id, json.dumps(event).encode(), ("track",))
    page.goto(f"/dead-letters/kable/{letter.id}")
    expect(page.get_by_text("An event of more than 500 lines is not compared")).to_be_visible()
    page.get_by_text("You sent, before it was edited").click()
    expect(page.get_by_text('"delta": 0')).to_be_visible()
    expect(page.get_by_text("599", exact=True)).to_be_visible()


def test_who_may_only_read_sees_no_verbs(
    console: Console, visit: Visit, store: redis.Redis
) -> None:
    letters = fill(console, store, 20)
    page = visit(console.address, token=VIEWER)
    [first, *_] = letters.page(Filter()).items
    verbs = re.compile("Replay|Discard|Edit|Cancel|Ask")
    for path in (
        "/dead-letters?destination=kable&reason=rejected",
        "/unconfirmed?destination=kable",
        f"/dead-letters/kable/{first.id}",
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("button", name=verbs)).to_have_count(0)
        expect(page.get_by_role("checkbox")).to_have_count(0)


def test_markup_in_events_and_messages_stays_text(
    page: Page, console: Console, store: redis.Redis
) -> None:
    log = Log(store, console.settings.destinations["kable"])
    log.append([_hostile(number, markup) for number, markup in enumerate(HOSTILE)])
    bury_logged(log, lambda number: ("rejected", HOSTILE[number]))
    page.on("dialog", lambda one: pytest.fail(one.message))
    page.goto("/dead-letters?destination=kable&reason=rejected")
    for markup in HOSTILE:
        expect(page.get_by_role("cell", name=markup, exact=True).first).to_be_visible()
    _expect_no_element(page)
    for markup in HOSTILE[:2]:
        page.get_by_role("row", name=markup).get_by_role("link", name=markup).last.click()
        expect(page.locator(".relay-sentence")).to_have_text(f"It was refused: {markup}")
        page.get_by_role("button", name="Edit and replay…").click()
        expect(page.locator(".cm-content")).to_contain_text("m-")
        _expect_no_element(page)
        page.go_back()


def test_markup_in_what_a_destination_answers_stays_text(relay: Relay, visit: Visit) -> None:
    relay.answers("kable", status=400, body={"message": HOSTILE[0]}, times=1)
    relay.send(messageId="answered", userId="answered")
    wait_until(lambda: kable(relay).count(Filter(user="answered")))
    relay.answers("kable")
    [letter] = kable(relay).page(Filter(user="answered")).items
    page = visit(relay.console)
    page.on("dialog", lambda one: pytest.fail(one.message))
    page.goto(f"/dead-letters/kable/{letter.id}")
    expect(page.locator(".relay-panel").nth(2)).to_contain_text(HOSTILE[0])
    _expect_no_element(page)


def _hostile(number: int, markup: str) -> Admission:
    event = {"type": "track", "messageId": f"m-{number}", "event": markup, markup: markup}
    return Admission(f"m-{number}", "dev", markup, json.dumps(event).encode())


def _expect_no_element(page: Page) -> None:
    """Nothing of the markup became an element, and no template was worked out."""
    expect(page.locator("img[src=x], svg[onload], main b")).to_have_count(0)
    expect(page.locator("main").get_by_text("``` 49")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
