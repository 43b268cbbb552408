"""What has to be done by hand is listed, and resolved when it was done."""

import msgspec
import pytest
import redis
from playwright.sync_api import Page, expect

from app.actions import Actions
from app.flags import Flagged, Flags
from app.keys import destination_key
from tests.browser.conftest import Console, Visit

USERS = ("ann", "bob", "<i>eve</i>")


@pytest.fixture(autouse=True)
def flags(store: redis.Redis) -> Flags:
    for at, user in enumerate(USERS):
        one = Flagged(user, "email", "new@x", "old@x", "Why not.", "Do it.", f"m-{user}", at)
        store.hset(destination_key("kana", "flags"), one.id, msgspec.json.encode(one))
    return Flags(store, "kana")


def users(flags: Flags) -> list[str]:
    return [one.user for one in flags.page(None, 9).flags]


def test_a_selection_of_flags_is_resolved_and_recorded(
    page: Page, flags: Flags, store: redis.Redis
) -> None:
    page.goto("/flags")
    for user in ("ann", "<i>eve</i>"):
        page.get_by_role("row", name=user).get_by_role("checkbox").click()
    page.get_by_role("button", name="Resolve 2 chosen").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("2 resolved")).to_be_visible()
    expect(page.get_by_role("row", name="ann")).to_have_count(0)
    assert users(flags) == ["bob"]
    assert [(one.who, one.what, one.count) for one in Actions(store, "kana").newest()] == [
        ("dev", "resolved", 2)
    ]


def test_a_dialog_that_is_left_resolves_nothing(page: Page, flags: Flags) -> None:
    page.goto("/flags?user=bob")
    page.get_by_role("row", name="bob").get_by_role("checkbox").click()
    page.get_by_role("button", name="Resolve 1 chosen").click()
    expect(page.get_by_role("dialog")).to_contain_text("Resolve this flag?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(users(flags)) == len(USERS)


def test_who_may_only_read_sees_flags_and_no_way_to_resolve_them(
    console: Console, visit: Visit
) -> None:
    page = visit(console.address, token="viewer")
    page.goto("/flags")
    expect(page.get_by_role("row", name="ann")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)


def test_a_destination_or_a_cursor_that_is_none_is_named(page: Page) -> None:
    page.goto("/flags?destination=nobody")
    expect(page.get_by_role("alert")).to_have_text("destination: expected one of kana")
    page.goto("/flags?cursor=x")
    expect(page.get_by_role("alert")).to_contain_text("cursor: expected a cursor")


def test_flags_are_counted_and_paged_through(page: Page, store: redis.Redis) -> None:
    many = [Flagged(f"u-{n}", "email", "a", "b", "", "", f"m-{n}", 9 + n) for n in range(1_000)]
    kept = {one.id: msgspec.json.encode(one) for one in many}
    store.hset(destination_key("kana", "flags"), mapping=kept)
    page.goto("/flags")
    expect(page.get_by_text("100 of 1,003, the newest first")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("u-999")
    page.get_by_role("link", name="Older ones").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("u-899")
    page.get_by_role("link", name="The newest").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("u-999")
