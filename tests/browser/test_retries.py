"""Retries are listed with what comes next first, why they failed, and where they lead."""

import redis
from playwright.sync_api import Page, expect

from app.log import Log
from tests.browser.conftest import Console
from tests.burying import admission
from tests.retrying import put_off


def retry(console: Console, store: redis.Redis, count: int) -> None:
    log = Log(store, console.settings.destinations["kable"])
    put_off(log, (admission(number) for number in range(count)))


def test_retries_are_told_with_their_errors_and_lead_to_the_trace(
    page: Page, console: Console, store: redis.Redis
) -> None:
    retry(console, store, 3)
    page.goto("/retries")
    expect(page.get_by_text("Of the 3 that are due next")).to_be_visible()
    expect(page.get_by_role("row", name="Kable answered * 503 kable 3")).to_be_visible()
    link = page.get_by_role("link", name="m-2")
    expect(link).to_have_attribute("href", "/trace?message_id=m-2&user=u-2")


def test_the_retries_of_one_user_are_found(
    page: Page, console: Console, store: redis.Redis
) -> None:
    retry(console, store, 3)
    page.goto("/retries")
    page.get_by_label("User").fill("u-1")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/retries?user=u-1")
    expect(page.get_by_text("Looked at 3 retries")).to_be_visible()
    expect(page.get_by_role("link", name="m-1")).to_be_visible()
    expect(page.get_by_role("link", name="m-2")).to_have_count(0)


def test_a_list_that_is_longer_than_a_page_goes_on(
    page: Page, console: Console, store: redis.Redis
) -> None:
    retry(console, store, 53)
    page.goto("/retries?destination=kable")
    expect(page.locator(".relay-listing").last.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Later ones").click()
    expect(page.locator(".relay-listing tbody tr")).to_have_count(3)


def test_what_is_wrong_in_the_address_is_said(page: Page) -> None:
    page.goto("/retries?destination=nowhere&cursor=x")
    expect(page.get_by_role("alert")).to_contain_text(
        ["destination: expected one of kable, kana", "cursor: expected a cursor that a page gave"]
    )
    expect(page.get_by_text("Nothing waits to be tried again.")).to_be_visible()
