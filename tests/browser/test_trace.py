"""An event is traced from accepted to delivered, and an unknown one is explained."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Relay, Visit


def test_an_event_is_traced_from_accepted_to_delivered(relay: Relay, visit: Visit) -> None:
    relay.send(messageId="traced", properties={"featureId": "calls", "delta": 1})
    page = visit(relay.console)
    page.goto("/")
    page.get_by_label("Trace", exact=True).fill("traced")
    page.get_by_label("Trace", exact=True).press("Enter")
    timelines = page.locator(".relay-timeline")
    expect(timelines).to_contain_text(["delivered, after 1 attempt"] * 2)
    assert [one.split("\n")[0] for one in timelines.all_inner_texts()] == ["accepted"] * 2


def test_what_nobody_knows_may_have_been_refused_or_be_long_finished(page: Page) -> None:
    page.goto("/trace?message_id=nowhere&source=web")
    expect(page.get_by_role("heading", name="Nothing is known of nowhere")).to_be_visible()
    expect(page.locator(".relay-list")).to_have_text(
        "It was never accepted: it never came, it was refused, or no destination takes it."
        "It is finished for longer than the dedupe_window, 1d at the shortest."
        "It came from another source than web."
    )
    refused = page.get_by_role("link", name="Refused events are counted here")
    expect(refused).to_have_attribute("href", "/rejections")


def test_markup_in_an_id_stays_text(page: Page) -> None:
    page.goto("/trace?message_id=<b>bold</b>")
    heading = page.get_by_role("heading", name="Nothing is known of <b>bold</b>")
    expect(heading).to_be_visible()


def test_a_page_follows_an_event_that_waits_until_it_is_delivered(
    relay: Relay, visit: Visit
) -> None:
    relay.answers("kable", status=503)
    relay.send(messageId="followed", properties={"featureId": "calls", "delta": 1})
    page = visit(relay.console)
    page.goto("/trace?message_id=followed")
    expect(page.locator(".relay-fault", has_text="kable is broken")).to_be_visible()
    relay.answers("kable")
    expect(page.get_by_text("finished", exact=True)).to_have_count(2, timeout=15_000)
