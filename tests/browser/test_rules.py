"""A rule is tested on what is unmapped before it is added, and what it maps is seen to go."""

import re

import redis
from playwright.sync_api import Page, expect

from app.actions import Actions
from app.mapping import Rule
from app.rules import Rules
from tests.browser.conftest import Console, Relay, Visit
from tests.processes import wait_until

MARKUP = "<img src=x onerror=alert(1)>"


def unmapped(relay: Relay, messages: dict[str, dict[str, object]], event: str = "Export") -> None:
    """These wait for a rule that says what they mean."""
    for id_, properties in messages.items():
        relay.send(event=event, messageId=id_, properties=properties)
    wait_until(lambda: relay.store.hlen("relay:{kana}:unmapped") >= len(messages))


def add(page: Page, feature: str) -> None:
    page.get_by_label("Feature").fill(feature)
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_role("dialog").get_by_role("button", name="Add it").click()


def test_a_rule_is_tested_added_and_followed_until_all_it_maps_is_delivered(
    relay: Relay, visit: Visit
) -> None:
    unmapped(relay, {"text": {"pages": "5"}, "number": {"pages": 5}, "six": {"pages": 6}})
    page = visit(relay.console)
    page.goto("/unmapped")
    page.get_by_role("button", name="Use pages = 5").click()
    expect(page.get_by_text("It would match 1 of 3 unmapped events")).to_be_visible()
    expect(page.locator(".relay-sample")).to_have_count(1)
    add(page, "pages")
    expect(page.get_by_text("done: 3 of 3 looked at, 1 taken by rules")).to_be_visible()
    expect(page.get_by_text("1 delivered")).to_be_visible()
    expect(page.get_by_role("heading", name="2 unmapped")).to_be_visible()
    assert [one.rule.properties for one in Rules(relay.store, "kana").kept()] == [{"pages": 5}]


def test_what_is_typed_wrong_is_said_at_its_field(page: Page) -> None:
    page.goto("/unmapped")
    page.get_by_role("button", name="Add a condition").click()
    condition = page.get_by_role("group", name="Condition 1")
    condition.get_by_label("Property").fill("pages")
    condition.get_by_label("Value").fill("many")
    condition.get_by_label("is the").click()
    page.get_by_role("option", name="number").click()
    expect(condition).to_contain_text("expected a number such as 5 or 0.25; found 'many'")
    condition.get_by_label("Value").fill("5")
    expect(condition).not_to_contain_text("expected a number")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_text("feature: expected a text that is not empty")).to_be_visible()


def test_a_rule_is_removed_after_a_question_and_that_is_recorded(
    page: Page, store: redis.Redis
) -> None:
    Rules(store, "kana").add(Rule(id="exports", feature="pdf", event=MARKUP))
    page.goto("/unmapped")
    rule = page.get_by_role("group", name="Rule exports")
    expect(rule).to_contain_text(f'event = "{MARKUP}"')
    rule.get_by_role("button", name="Remove rule exports").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("recorded usage is not taken back")
    dialog.get_by_role("button", name="Remove it").click()
    expect(rule).to_have_count(0)
    assert Rules(store, "kana").kept() == []
    assert [one.what for one in Actions(store, "kana").newest()] == ["rule removed"]


def test_what_is_followed_keeps_the_focus_and_outlasts_what_breaks(
    page: Page, store: redis.Redis
) -> None:
    Rules(store, "kana").add(Rule(id="exports", feature="pdf", event="Export"))
    page.goto("/unmapped")
    remove = page.get_by_role("button", name="Remove rule exports")
    remove.focus()
    store.hset("relay:{kana}:rules:matches", "exports", 7)
    expect(page.get_by_text("7 matched")).to_be_visible()
    expect(remove).to_be_focused()
    store.hset("relay:{kana}:rules:matches", "exports", "many")
    expect(page.get_by_text("Something broke here.")).to_be_visible()
    store.hset("relay:{kana}:rules:matches", "exports", 8)
    expect(page.get_by_text("8 matched")).to_be_visible()
    expect(page.get_by_text("Something broke here.")).to_be_hidden()
    expect(remove).to_be_focused()


def test_the_list_of_what_is_unmapped_keeps_the_focus(relay: Relay, visit: Visit) -> None:
    unmapped(relay, {"kept": {"pages": 1}})
    page = visit(relay.console)
    page.goto("/unmapped")
    link = page.get_by_role("link", name="kept", exact=True)
    link.focus()
    relay.send(event="Export", messageId="newer", properties={"pages": 2})
    expect(page.get_by_role("link", name="newer", exact=True)).to_be_visible()
    expect(link).to_be_focused()


def test_rules_of_the_configuration_are_removed_there(page: Page, store: redis.Redis) -> None:
    Rules(store, "kana").configure([Rule(id="calls", feature="calls", event="API Called")])
    page.goto("/unmapped")
    rule = page.get_by_role("group", name="Rule calls")
    expect(rule).to_contain_text("of relay.toml: removed there")
    expect(rule.get_by_role("button")).to_have_count(0)


def test_who_may_only_read_tests_a_rule_and_cannot_add_it(
    console: Console, visit: Visit, store: redis.Redis
) -> None:
    Rules(store, "kana").add(Rule(id="exports", feature="pdf", event="Export"))
    page = visit(console.address, token="viewer")
    page.goto("/unmapped?event=Export")
    expect(page.get_by_text("It would match 0 of 0 unmapped events")).to_be_visible()
    expect(page.get_by_role("group", name="Rule exports")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Add the rule|Remove rule"))).to_have_count(
        0
    )


def test_markup_in_events_and_their_properties_stays_text(relay: Relay, visit: Visit) -> None:
    unmapped(relay, {"markup": {"<b>path</b>": MARKUP}}, event=MARKUP)
    page = visit(relay.console)
    page.goto("/unmapped")
    page.get_by_role("button", name=f"Use {MARKUP}", exact=True).click()
    page.locator("summary").first.click()
    expect(page.locator(".relay-code").first).to_contain_text(MARKUP)
    expect(page.get_by_role("cell", name="<b>path</b>", exact=True)).to_be_visible()
    expect(page.locator("img[src=x]")).to_have_count(0)
