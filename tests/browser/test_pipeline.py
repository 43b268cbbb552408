"""The page of a destination tells what became of its events, and leads to the lists behind."""

from collections.abc import Iterator

import pytest
import redis
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, Relay, Visit
from tests.processes import wait_until

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def refusing(relay: Relay) -> Iterator[Relay]:
    """Kana refuses one feature."""
    url = f"{relay.sandbox}/kana/_settings"
    refused = {"refuse_features": {"seats": "not in the plan"}}
    requests.post(url, json=refused, timeout=10).raise_for_status()
    yield relay
    requests.delete(url, timeout=10).raise_for_status()


def test_numbers_by_event_lead_to_the_dead_letters_behind_them(
    refusing: Relay, visit: Visit
) -> None:
    for number in range(3):
        properties = {"featureId": "seats" if number else "calls", "delta": 1}
        refusing.send(event=MARKUP, messageId=f"flow-{number}", properties=properties)
    wait_until(lambda: refusing.store.hlen("relay:{kana}:dead") >= 2)
    page = visit(refusing.console)
    page.goto("/destinations/kana")
    page.get_by_role("link", name=MARKUP).click()
    expect(page.get_by_text(f"Only {MARKUP}")).to_be_visible()
    line = page.get_by_role("row", name="dead: rejected")
    expect(line.get_by_role("cell")).to_have_text(
        ["dead: rejected", "2", "0", "buried, whatever was decided since"]
    )
    expect(page.locator("svg.relay-flow")).to_contain_text("dead: rejected 2")
    expect(page.locator("img[src=x]")).to_have_count(0)
    line.get_by_role("link").click()
    page.wait_for_url(lambda url: "/dead-letters?" in url and "event=%3Cimg" in url)


@pytest.mark.usefixtures("attended")
def test_a_destination_is_paused_and_resumed_on_its_page(page: Page, store: redis.Redis) -> None:
    page.goto("/destinations/kable")
    page.get_by_role("button", name="Pause kable").click()
    page.get_by_label("Reason").fill("they move")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume kable").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause kable")).to_be_visible()
    assert store.xlen("relay:{kable}:actions") == 2


def test_what_is_wrong_in_the_address_is_said_and_the_rest_shown(page: Page) -> None:
    page.goto("/destinations/kable?since=yesterday")
    expect(page.get_by_role("alert")).to_contain_text("since: expected a moment")
    expect(page.get_by_text("No pump looked at an event in these hours.")).to_be_visible()
    page.goto("/destinations/nobody")
    expect(page.get_by_role("alert")).to_have_text(
        "There is no destination nobody; expected one of kable, kana"
    )


@pytest.mark.usefixtures("attended", "store")
def test_who_may_only_read_sees_settings_without_secrets_and_no_button(
    console: Console, visit: Visit
) -> None:
    page = visit(console.address, token="viewer")
    page.goto("/destinations/kana")
    page.locator("summary", has_text="Settings").click()
    expect(page.get_by_role("row", name="api_key")).to_contain_text("***")
    expect(page.get_by_role("button", name="Pause kana")).to_have_count(0)
