"""Kana counts in periods, calendar months in UTC, and the sandbox can be told the time."""

from typing import Any

from tests.sandbox.kana_session import Account

USED = (
    '{ showUsage(userId: "u", featureId: "messages") { current { ...period } '
    "past { ...period } } } fragment period on ConsumptionInPeriod "
    "{ periodStart periodEnd consumption { used } }"
)


def period(start: str, end: str, used: int) -> dict[str, object]:
    """Usage in a period of which the first days are given."""
    return {
        "periodStart": f"{start}T00:00:00+00:00",
        "periodEnd": f"{end}T00:00:00+00:00",
        "consumption": {"used": used},
    }


def shown(kana: Account) -> Any:  # noqa: ANN401
    return kana.ask(USED)["data"]["showUsage"]


def usage(at: str, delta: int, **given: str) -> dict[str, object]:
    return {"userId": "u", "featureId": "messages", "delta": delta, "at": at, **given}


def test_each_month_counts_anew(kana: Account) -> None:
    for now, delta in (("2025-12-31T23:59:59Z", 5), ("2026-01-01T00:00:00Z", 2)):
        kana.settle(now=now)
        kana.record(delta=delta)
    assert shown(kana) == {
        "current": period("2026-01-01", "2026-02-01", 2),
        "past": [period("2025-12-01", "2026-01-01", 5)],
    }
    assert kana.get("/_usage").json()["totals"] == {"u": {"messages": 7}}


def test_raw_events_count_in_the_period_in_which_they_are_processed(kana: Account) -> None:
    kana.settle(now="2026-01-31T12:00:00Z")
    kana.track("Message Sent")
    rule = {"name": "sent", "conditions": [{"event": "Message Sent"}], "featureId": "messages"}
    kana.settle(now="2026-02-01T12:00:00Z", rules=[rule])
    assert shown(kana) == {"current": period("2026-02-01", "2026-03-01", 1), "past": []}


def test_set_overwrites_what_was_used_in_its_period(kana: Account) -> None:
    for now, delta in (("2026-01-15T00:00:00Z", 5), ("2026-02-15T00:00:00Z", 2)):
        kana.settle(now=now)
        kana.record(delta=delta)
    kana.record(delta=9, action="SET")
    assert [shown(kana)["current"], *shown(kana)["past"]] == [
        period("2026-02-01", "2026-03-01", 9),
        period("2026-01-01", "2026-02-01", 5),
    ]


def test_past_usage_can_be_given_in_the_form_in_which_it_is_shown(kana: Account) -> None:
    kana.settle(now="2026-03-10T00:00:00Z")
    items = [
        usage("2026-01-05T00:00:00Z", 4),
        usage("2026-02-05T00:00:00Z", 8),
        usage("2026-02-06T00:00:00Z", 3, action="SET"),
        usage("2026-04-01T01:00:00+02:00", 6),
        usage("2026-04-01T00:00:00Z", 7),  # at Kana that is still to come
    ]
    kana.post("/_usage", json={"items": items}).raise_for_status()
    assert shown(kana) == {
        "current": period("2026-03-01", "2026-04-01", 6),
        "past": [
            period("2026-02-01", "2026-03-01", 3),
            period("2026-01-01", "2026-02-01", 4),
        ],
    }


def test_what_is_used_this_period_decides_what_can_be_used(kana: Account) -> None:
    kana.settle(now="2026-01-15T00:00:00Z")
    kana.record(delta=5)
    query = '{ canUseFeature(userId: "u", featureId: "messages") { consumption { used } } }'
    then = kana.ask(query)["data"]["canUseFeature"]
    kana.settle(now="2026-02-15T00:00:00Z")
    now = kana.ask(query)["data"]["canUseFeature"]
    assert [then, now] == [{"consumption": {"used": 5}}, {"consumption": {"used": 0}}]


def test_time_goes_on_when_the_settings_are_reset(kana: Account) -> None:
    kana.settle(now="2020-01-15T00:00:00Z")
    kana.record()
    kana.delete("/_settings").raise_for_status()
    kana.record()
    told, real = (item["at"] for item in kana.get("/_usage").json()["items"])
    assert told == "2020-01-15T00:00:00Z" < real


def test_a_moment_without_a_zone_is_refused(kana: Account) -> None:
    settings = kana.post("/_settings", json={"now": "2026-01-15T00:00:00"})
    usages = kana.post("/_usage", json={"items": [usage("2026-01-15T00:00:00", 1)]})
    fields = [answer.json()["error"]["field"] for answer in (settings, usages)]
    assert ([settings.status_code, usages.status_code], fields) == ([422, 422], ["now", "items"])
