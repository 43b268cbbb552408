"""Events as they come to their end."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Relay, Visit


def test_events_appear_until_it_is_paused_and_lead_to_their_trace(
    relay: Relay, visit: Visit
) -> None:
    page = visit(relay.console)
    page.goto("/live?destination=kable&outcome=delivered")
    relay.send(messageId="live-1")
    row = page.get_by_role("row", name=re.compile("live-1 kable delivered"))
    expect(row).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    relay.send(messageId="live-2")
    other = visit(relay.console)
    other.goto("/live")
    expect(other.get_by_role("row", name=re.compile("live-2 kable delivered"))).to_be_visible()
    expect(page.get_by_role("link", name="live-2")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name="live-2")).to_have_attribute(
        "href", "/trace?message_id=live-2"
    )
