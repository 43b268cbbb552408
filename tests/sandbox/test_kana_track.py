"""What Kana makes of raw tracks: usage of the feature that they name, or that a rule names."""

import json
from typing import Any

import pytest
import requests

from tests.sandbox.kana_session import KEY, Account

SENT = {"event": "Message Sent"}
LARGE = {"property": "object.size", "value": "12"}
PAID = {"property": "paid", "value": "true"}
TRACK = {"type": "track", "userId": "u", "event": "Message Sent"}


def rule(feature: str, *conditions: dict[str, str]) -> dict[str, object]:
    return {"name": f"to {feature}", "conditions": conditions, "featureId": feature}


def recorded(feature: str, delta: int = 1, reason: str | None = None) -> dict[str, object]:
    usage = {"featureId": feature, "delta": delta}
    return {**usage, "recorded": reason is None, "reason": reason}


def used(*usage: dict[str, object]) -> dict[str, object]:
    return {"usage": list(usage)}


UNMAPPED = {"usage": [], "unmapped": True}


@pytest.mark.parametrize(
    ("given", "delta"),
    [({}, 1), ({"delta": None}, 1)]
    + [({"delta": given}, number) for given, number in ((5, 5), (-2, -2), (2.0, 2))]
    + [({"delta": given}, number) for given, number in (("7", 7), ("-3.0", -3))],
)
def test_a_track_is_usage_of_the_feature_that_it_names(
    kana: Account, given: dict[str, object], delta: int
) -> None:
    kana.settle(rules=[rule("other", SENT)])
    answer = kana.track("Message Sent", featureId="messages", **given)
    assert answer == used(recorded("messages", delta))
    assert kana.usage() == [("u", "messages", delta)]


@pytest.mark.parametrize("delta", [1.5, "1.5", "many", "", True, [1], 2**31, str(-(2**31) - 1)])
def test_a_delta_that_is_no_whole_number_is_refused(kana: Account, delta: object) -> None:
    properties = {"featureId": "messages", "delta": delta}
    answer = kana.post("/segment/events", json={**TRACK, "properties": properties})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("properties.delta: expected a whole number")
    assert kana.usage() == []


def test_a_delta_of_0_changes_nothing(kana: Account) -> None:
    assert kana.track("Message Sent", featureId="messages", delta=0) == used()
    assert kana.usage() == []


@pytest.mark.parametrize("feature", ["", 7, ["messages"], False])
def test_a_feature_id_that_is_no_text_is_refused_and_not_mapped(
    kana: Account, feature: object
) -> None:
    kana.settle(rules=[rule("other", SENT)])
    properties = {"featureId": feature}
    answer = kana.post("/segment/events", json={**TRACK, "properties": properties})
    assert answer.status_code == 400
    assert kana.usage() == []


@pytest.mark.parametrize(
    ("conditions", "properties", "matches"),
    [
        ([SENT], {}, True),
        ([{"event": "message sent"}], {}, False),
        ([SENT, LARGE], {"object": {"size": 12}}, True),
        ([SENT, LARGE], {"object": {"size": 12.0}}, True),
        ([SENT, LARGE], {"object": {"size": "12"}}, True),
        ([SENT, LARGE], {"object": {"size": 13}}, False),
        ([SENT, LARGE], {"object": 12}, False),
        ([SENT, LARGE], {}, False),
        ([LARGE, PAID], {"object": {"size": 12}, "paid": True}, True),
        ([LARGE, PAID], {"object": {"size": 12}, "paid": "True"}, False),
        ([PAID], {"paid": None}, False),
        ([{"property": "paid", "value": "null"}], {"paid": None}, False),
        ([{"property": "a", "value": "{}"}], {"a": {}}, False),
        ([{"property": "a", "value": "1"}], {"a": [1]}, False),
        ([{"property": "a", "value": "1.5"}], {"a": 1.5}, True),
    ],
)
def test_a_rule_matches_where_all_its_conditions_hold(
    kana: Account,
    conditions: list[dict[str, str]],
    properties: dict[str, object],
    *,
    matches: bool,
) -> None:
    kana.settle(rules=[rule("messages", *conditions)])
    answer = kana.track("Message Sent", **properties)
    assert answer == (used(recorded("messages")) if matches else UNMAPPED)


def test_rules_that_match_record_each_feature_once_in_their_order(kana: Account) -> None:
    kana.settle(rules=[rule("b", SENT), rule("a", PAID), rule("b", PAID), rule("c", LARGE)])
    assert kana.track("Message Sent", paid=True) == used(recorded("b"), recorded("a"))
    assert kana.usage() == [("u", "b", 1), ("u", "a", 1)]


@pytest.mark.parametrize(("delta", "counted"), [(4, 4), ("4", 4), ("many", 1), (1.5, 1)])
def test_a_match_takes_the_delta_if_it_is_a_whole_number_else_1(
    kana: Account, delta: object, counted: int
) -> None:
    kana.settle(rules=[rule("messages", SENT)])
    assert kana.track("Message Sent", delta=delta) == used(recorded("messages", counted))


def test_what_nothing_maps_is_kept_as_it_came_and_grouped(kana: Account) -> None:
    kana.track("A", object={"size": 12}, paid=True)
    kana.track("B", paid=True, tags=["x"], none=None)
    shown = kana.get("/_unmapped").json()
    assert all(item.pop("at").endswith("Z") for item in shown["items"])
    second = {"paid": True, "tags": ["x"], "none": None}
    assert [item["event"]["properties"] for item in shown.pop("items")][1] == second
    assert shown == {
        "count": 2,
        "by_event": {"A": 1, "B": 1},
        "by_property": {"object.size": {"12": 1}, "paid": {"true": 2}},
    }
    limited = kana.get("/_unmapped?limit=1").json()
    assert [item["event"]["event"] for item in limited.pop("items")] == ["B"]
    assert limited == shown


def test_a_new_rule_records_what_matched_nothing_before_and_once(kana: Account) -> None:
    kana.settle(rules=[rule("signups", {"event": "Signed Up"})])
    for event in ("Message Sent", "Signed Up", "Other"):
        kana.track(event)
    wider = [rule("messages", SENT), rule("twice", {"event": "Signed Up"})]
    for _ in range(2):
        kana.settle(rules=wider)
    assert kana.usage() == [("u", "signups", 1), ("u", "messages", 1)]
    assert kana.get("/_unmapped").json()["by_event"] == {"Other": 1}


def test_a_new_rule_leaves_what_it_cannot_record(kana: Account) -> None:
    kana.track("Message Sent")
    kana.settle(strict=True, features=["messages"], rules=[rule("messages", SENT)])
    assert (kana.usage(), kana.get("/_unmapped").json()["count"]) == ([], 1)
    kana.seed({"id": "u"})
    kana.settle(strict=True, features=["messages"], rules=[rule("messages", SENT)])
    assert (kana.usage(), kana.get("/_unmapped").json()["count"]) == ([("u", "messages", 1)], 0)


def test_a_strict_kana_refuses_tracks_of_whom_and_what_it_does_not_know(kana: Account) -> None:
    kana.settle(strict=True, features=["messages"], rules=[rule("messages", SENT)])
    answers = [kana.post("/segment/events", json=TRACK)]
    kana.identify("u")
    calls = {**TRACK, "properties": {"featureId": "calls"}}
    answers += [kana.post("/segment/events", json=one) for one in (calls, TRACK)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (400, {"message": "User not found"}),
        (400, {"message": "Feature not found"}),
        (200, used(recorded("messages"))),
    ]


def test_a_track_that_cannot_be_recorded_whole_is_not_recorded(kana: Account) -> None:
    rules = [rule("messages", SENT), rule("calls", SENT)]
    kana.seed({"id": "u"})
    kana.settle(strict=True, features=["messages"], rules=rules)
    answer = kana.post("/segment/events", json=TRACK)
    assert (answer.status_code, answer.json()) == (400, {"message": "Feature not found"})
    assert (kana.usage(), kana.get("/_unmapped").json()["count"]) == ([], 0)


def test_a_track_of_engage_is_mapped_as_any_other(kana: Account) -> None:
    kana.settle(rules=[rule("shoppers", {"property": "first_time_shopper", "value": "true"})])
    audience = {"audience_key": "first_time_shopper", "first_time_shopper": True}
    assert kana.track("Audience Entered", **audience) == used(recorded("shoppers"))
    audience["first_time_shopper"] = False
    assert kana.track("Audience Exited", **audience) == UNMAPPED


def test_a_refused_feature_is_told_and_not_recorded(kana: Account) -> None:
    kana.settle(refuse_features={"messages": "limit reached"})
    answer = kana.track("Message Sent", featureId="messages")
    assert answer == used(recorded("messages", reason="limit reached"))
    assert kana.usage() == []


@pytest.mark.parametrize("user_id", [None, "", 7])
@pytest.mark.parametrize("kind", ["track", "identify", "page"])
def test_an_anonymous_event_is_refused(kana: Account, kind: str, user_id: object) -> None:
    event = {"type": kind, "event": "E", "userId": user_id, "anonymousId": "a"}
    answer = kana.post("/segment/events", json=event)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("userId: expected one")
    assert (kana.users(), kana.get("/_unmapped").json()["count"]) == ([], 0)


@pytest.mark.parametrize("kind", ["page", "screen", "group", "alias", "delete"])
def test_other_types_are_not_implemented(kana: Account, kind: str) -> None:
    answer = kana.post("/segment/events", json={**TRACK, "type": kind})
    assert answer.status_code == 501


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"[]", b"[" + json.dumps(TRACK).encode() + b"]"]
)
def test_one_event_is_a_request(kana: Account, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = kana.post("/segment/events", data=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("expected one event as a JSON object")


def test_what_is_no_post_of_json_of_a_mebibyte_is_refused(kana: Account) -> None:
    body, json_type = json.dumps(TRACK), {"Content-Type": "application/json"}
    get = kana.get("/segment/events")
    plain = kana.post("/segment/events", data=body, headers={"Content-Type": "text/plain"})
    long = kana.post("/segment/events", data=body.ljust(1024 * 1024 + 1), headers=json_type)
    assert (get.status_code, get.headers["Allow"]) == (405, "POST")
    assert (plain.status_code, long.status_code) == (400, 413)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(KEY, 200), (f"Bearer {KEY}", 200), ("pub_test_1", 401), (f"Basic {KEY}", 401), (None, 401)],
)
def test_a_key_is_wanted_and_masked(kana: Account, authorization: str, status: int) -> None:
    headers = {"Authorization": authorization}
    assert kana.post("/segment/events", json=TRACK, headers=headers).status_code == status
    (received,) = kana.get("/_received").json()["requests"]
    assert (received["path"], received["status"]) == ("/kana/segment/events", status)
    assert KEY not in str(received["headers"])


def test_raw_events_are_struck_by_misbehaviour_too(kana: Account) -> None:
    kana.misbehave(status=503, times=1)
    statuses = [kana.post("/segment/events", json=TRACK).status_code for _ in range(2)]
    assert (statuses, kana.get("/_unmapped").json()["count"]) == ([503, 200], 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"conditions": []},
        {"conditions": [SENT, {"event": "Another"}]},
        {"conditions": [{}]},
        {"conditions": [{**SENT, "property": "a", "value": "1"}]},
        {"conditions": [{"property": "a"}]},
        {"conditions": [{**SENT, "value": "1"}]},
        {"conditions": [{"property": "a", "value": 1}]},
        {"featureId": ""},
        {"operator": "or"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(kana: Account, wrong: dict[str, Any]) -> None:
    answer = kana.post("/_settings", json={"rules": [{**rule("messages", SENT), **wrong}]})
    assert answer.status_code == 422
    assert kana.track("Message Sent") == UNMAPPED


def test_forgetting_the_state_forgets_rules_and_what_they_did_not_map(kana: Account) -> None:
    kana.track("Message Sent")
    kana.identify("u", email="x@example.com")
    kana.settle(rules=[rule("calls", {"event": "Called"})])
    kana.delete("/_state").raise_for_status()
    nothing = {"items": [], "count": 0, "by_event": {}, "by_property": {}}
    assert kana.get("/_unmapped").json() == nothing
    assert kana.get("/_flags").json() == {"items": []}
    assert kana.track("Called") == UNMAPPED


def test_the_page_shows_what_nothing_maps(kana: Account, port: int) -> None:
    kana.track("Message Sent", paid=True)
    _, live = requests.get(f"http://127.0.0.1:{port}/_live", timeout=10).json()["partners"]
    (row,) = live["tables"]["unmapped"]
    assert row.pop("received").endswith("Z")
    assert row == {"userId": "u", "event": "Message Sent", "properties": '{"paid":true}'}
    assert live["totals"]["unmapped"] == 1
