"""The pages that only tell: what was refused, what is set, what operators did."""

import json
import re

import pytest
import redis
from playwright.sync_api import Page, expect

from app.actions import Actions
from app.keys import SourceKeys

EVENT = '{"event": "<img src=x onerror=alert(1)>", "n": 12345678901234567890.10}'


def refuse(store: redis.Redis, code: str, event: str) -> None:
    keys = SourceKeys("dev")
    store.hincrby(keys.counts, f"refused:{code}", 7)
    sample = {"at": "2026-01-02T03:04:05.678Z", "message": "it was <b>wrong</b>", "event": event}
    store.lpush(keys.refused(code), json.dumps(sample))


def test_what_was_refused_is_shown_as_text_with_its_meaning(
    page: Page, store: redis.Redis
) -> None:
    refuse(store, "no_user_anon_id", EVENT)
    page.goto("/rejections?source=dev&code=no_user_anon_id")
    expect(page.get_by_role("row", name=re.compile("no_user_anon_id 7"))).to_be_visible()
    expect(page.get_by_text("it was <b>wrong</b>")).to_be_visible()
    expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    expect(page.get_by_text("12345678901234567890.10")).to_be_visible()


def test_what_was_refused_is_shown_however_deep_it_nests(page: Page, store: redis.Redis) -> None:
    refuse(store, "nested_too_deep", "[" * 1_500 + "]" * 1_500)
    page.goto("/rejections")
    expect(page.get_by_text("[" * 100)).to_be_visible()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/rejections?source=<b>", "source: expected one of dev; found <b>"),
        ("/rejections?code=<b>", "Nothing was refused."),
        ("/settings?view=<b>", "view: expected set, or nothing; found <b>"),
        ("/actions?cursor=<b>", "cursor: expected the cursor of a page of actions; found '<b>'"),
        ("/actions?destination=<b>", "destination: expected one of kable, kana; found <b>"),
    ],
)
def test_a_wrong_parameter_is_told_on_the_page(page: Page, path: str, told: str) -> None:
    page.goto(path)
    expect(page.get_by_text(told)).to_be_visible()


def test_settings_say_where_they_come_from_and_show_no_secret(page: Page) -> None:
    page.goto("/settings")
    row = page.get_by_role("row", name=re.compile("^api_key set, and not shown .*relay.toml"))
    expect(row).to_have_count(2)
    assert "sk_test.developm" not in page.content()


def test_actions_say_who_did_what_when_and_to_how_many(page: Page, store: redis.Redis) -> None:
    for n in range(101):
        Actions(store, "kable").record("ann", "discarded", n, "reason <b>rejected</b>")
    page.goto("/actions")
    expect(page.get_by_role("row", name=re.compile("ann discarded 100 kable"))).to_be_visible()
    page.get_by_role("link", name="Older ones").click()
    expect(page.get_by_role("row", name=re.compile("ann discarded 0 kable"))).to_be_visible()
