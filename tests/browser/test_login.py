"""Into the console with a token, and out again."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, Visit


def test_a_token_leads_to_the_page_that_was_asked_for_and_the_way_out_back(
    console: Console, visit: Visit
) -> None:
    page = visit(console.address, token="wrong")
    page.goto("/?shown=1")
    page.get_by_label("Token").fill("dev")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    assert page.url == f"{console.address}/?shown=1"
    page.get_by_role("button", name="dev", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_wrong_token_is_told_so(console: Console, visit: Visit, faults: list[str]) -> None:
    page = visit(console.address, token="wrong")
    page.goto("/")
    page.get_by_label("Token").fill("nobody's")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("the token of no operator")
    assert [fault for fault in faults if "401" not in fault] == []
    faults.clear()


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/")
    before = page.locator("body").get_attribute("class") or ""
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function("document.cookie.includes('relay_theme=dark')")
    page.reload()
    assert "body--dark" not in before
    expect(page.locator("body.body--dark")).to_be_visible()
