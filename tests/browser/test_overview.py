"""The overview of destinations, sources and workers, as it changes."""

from playwright.sync_api import expect

from tests.browser.conftest import Relay, Visit


def test_a_destination_is_shown_as_it_stands(relay: Relay, visit: Visit) -> None:
    relay.send()
    page = visit(relay.console)
    page.goto("/")
    expect(page.get_by_text("delivering").first).to_be_visible()
