"""The overview of destinations, sources and workers, as it changes."""

import re

import pytest
import redis
from playwright.sync_api import Page, expect

from app.actions import Actions
from app.log import Log
from tests.browser.conftest import VIEWER, Console, Relay, Visit
from tests.burying import bury


def test_a_destination_goes_from_healthy_to_paused_by_a_401_and_back(
    relay: Relay, visit: Visit
) -> None:
    page = visit(relay.console)
    page.goto("/")
    card = page.get_by_role("region", name="kable")
    expect(card.get_by_text("delivering")).to_be_visible()
    relay.answers("kable", status=401)
    relay.send(messageId="refused-1")
    expect(card.get_by_text("paused", exact=True)).to_be_visible()
    expect(card.get_by_text("by the relay")).to_contain_text("401")
    expect(page.get_by_role("status").get_by_text("kable is paused")).to_be_visible()
    relay.answers("kable")
    card.get_by_role("button", name="Resume kable").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(card.get_by_text("delivering")).to_be_visible()
    expect(card.get_by_role("link", name="waiting")).to_contain_text(re.compile(r"^waiting\s*0"))


@pytest.mark.usefixtures("attended")
def test_a_pause_asks_for_its_reason_is_recorded_and_shows_who_made_it(
    page: Page, store: redis.Redis
) -> None:
    page.goto("/")
    card = page.get_by_role("region", name="kana")
    card.get_by_role("button", name="Pause kana").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("they <b>move</b>")
    page.keyboard.press("Enter")
    expect(card.get_by_text("by dev")).to_contain_text("they <b>move</b>")
    done = [(one.who, one.what, one.about) for one in Actions(store, "kana").newest()]
    assert done == [("dev", "paused", "they <b>move</b>")]


@pytest.mark.usefixtures("attended")
def test_who_thinks_better_of_a_pause_changes_nothing(page: Page, store: redis.Redis) -> None:
    page.goto("/")
    page.get_by_role("button", name="Pause kana").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert Actions(store, "kana").newest() == []


@pytest.mark.usefixtures("attended")
def test_numbers_change_by_themselves_and_keep_the_focus(
    page: Page, store: redis.Redis, console: Console
) -> None:
    page.goto("/")
    dead = page.get_by_role("region", name="kable").get_by_role("link", name="dead")
    expect(dead).to_have_text(re.compile("dead0"))
    dead.focus()
    bury(Log(store, console.settings.destinations["kable"]), 20)
    expect(dead).to_have_text(re.compile("dead20"))
    expect(dead).to_be_focused()
    expect(dead).to_have_attribute("href", "/dead-letters?destination=kable")


def test_one_who_only_looks_has_no_button_that_changes_something(
    store: redis.Redis,  # noqa: ARG001 - flushed
    console: Console,
    visit: Visit,
) -> None:
    page = visit(console.address, token=VIEWER)
    page.goto("/")
    expect(page.get_by_role("region", name="kable")).to_be_visible()
    expect(page.get_by_role("button", name="Pause kable")).to_have_count(0)


def test_the_banner_says_that_nobody_consumes_a_queue(page: Page) -> None:
    page.goto("/")
    banner = page.get_by_role("status")
    expect(banner.get_by_text("no worker consumes the queue pump.kable")).to_be_visible()


@pytest.mark.usefixtures("attended")
def test_a_store_that_is_silent_is_told_and_a_page_goes_on_when_it_answers(
    page: Page, store: redis.Redis
) -> None:
    page.goto("/")
    expect(page.get_by_role("region", name="kable")).to_be_visible()
    store.client_pause(10_000)
    silent = page.get_by_role("status").get_by_text("The store does not answer")
    expect(silent).to_be_visible()
    page.goto("/actions")
    expect(page.get_by_text("Reading…")).to_be_visible()
    expect(page.get_by_text("No operator has done anything yet.")).to_be_visible()
    expect(silent).to_be_hidden()


def test_pages_are_links_that_the_keyboard_reaches(page: Page) -> None:
    page.goto("/settings")
    here = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Settings")
    expect(here).to_have_attribute("aria-current", "page")
    actions = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Actions")
    actions.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Actions", level=1)).to_be_visible()
