"""Kana's contract, as the sandbox keeps it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.sandbox.kana_session import KEY, RECORD, Account

USER = "{ id billingId name email metadata }"
CREATE = "mutation createUser($input: CreateUserInput!) { createUser(input: $input) " + USER + " }"
UPDATE = (
    "mutation updateUser($id: String!, $input: UpdateUserInput!) "
    "{ updateUser(id: $id, input: $input) " + USER + " }"
)
FIND = "query retrieveUser($id: String!) { user(id: $id) " + USER + " }"
CHAIN = "{ users { ...f0 } } fragment f3000 on User { id } " + " ".join(
    f"fragment f{number} on User {{ ...f{number + 1} }}" for number in range(3000)
)
SHORT_SECONDS = 0.3
RECORDED = {"data": {"recordUsage": {"recorded": True, "reason": None}}}
ADA = {"id": "u", "billingId": "cus_X", "name": "Ada", "email": "a@example.com", "metadata": {}}


def fault(answer: Any) -> tuple[str, str, str]:  # noqa: ANN401
    """Message, code and exception of the one error of an answer."""
    (error,) = answer["errors"]
    exception = error["extensions"]["exception"]
    assert exception["message"] == error["message"]
    return error["message"], error["extensions"]["code"], exception["name"]


USER_NOT_FOUND = ("User not found", "BAD_USER_INPUT", "UserNotFoundError")
FEATURE_NOT_FOUND = ("Feature not found", "BAD_USER_INPUT", "FeatureNotFoundError")


def test_usage_is_recorded_one_item_for_each_call(kana: Account) -> None:
    assert [kana.record(), kana.record(delta=5), kana.record(delta=-2)] == [RECORDED] * 3
    shown = kana.get("/_usage").json()
    assert all(item.pop("at").endswith("Z") for item in shown["items"])
    item = {"userId": "u", "featureId": "messages"}
    assert shown == {
        "items": [{**item, "delta": 1}, {**item, "delta": 5}, {**item, "delta": -2}],
        "count": 3,
        "totals": {"u": {"messages": 4}},
    }


def test_set_overwrites_what_was_used_and_add_goes_on_from_there(kana: Account) -> None:
    kana.record(delta=9)
    kana.record(delta=4, action="SET")
    kana.record(delta=2, action="ADD")
    shown = kana.get("/_usage").json()
    assert shown["totals"] == {"u": {"messages": 6}}
    assert [item.get("action") for item in shown["items"]] == [None, "SET", None]


def test_null_is_the_default_of_delta_and_action(kana: Account) -> None:
    assert kana.record(delta=None, action=None) == RECORDED
    assert kana.usage() == [("u", "messages", 1)]


def test_usage_can_be_limited_to_the_newest(kana: Account) -> None:
    for number in range(4):
        kana.record(delta=number)
    shown = kana.get("/_usage?limit=2").json()
    assert ([item["delta"] for item in shown["items"]], shown["count"]) == ([2, 3], 4)


def test_variables_may_be_json_in_a_string(kana: Account) -> None:
    given = json.dumps({"input": {"userId": "u", "featureId": "messages"}})
    answer = kana.post("/graphql", json={"query": RECORD, "variables": given})
    assert (answer.status_code, answer.json()) == (200, RECORDED)


def test_mutations_of_one_document_run_in_order(kana: Account) -> None:
    answer = kana.ask(
        'mutation { a: recordUsage(input: {userId: "u", featureId: "f", delta: 3}) { recorded } '
        'b: recordUsage(input: {userId: "u", featureId: "f", delta: 1, action: SET}) '
        "{ recorded } }"
    )
    assert answer == {"data": {"a": {"recorded": True}, "b": {"recorded": True}}}
    assert kana.usage() == [("u", "f", 3), ("u", "f", 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"delta": 2**31},
        {"delta": -(2**31) - 1},
        {"delta": "1"},
        {"delta": 1.5},
        {"delta": True},
        {"action": "MULTIPLY"},
        {"userId": 7},
        {"userId": None},
        {"timestamp": "2022-01-09T09:32:01Z"},
    ],
)
def test_bad_variables_are_answered_400_and_record_nothing(
    kana: Account, wrong: dict[str, object]
) -> None:
    given = {"input": {"userId": "u", "featureId": "messages", **wrong}}
    answer = kana.post("/graphql", json={"query": RECORD, "variables": given})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_USER_INPUT")
    assert error["message"].startswith("Variable '$input' got invalid value")
    assert "data" not in answer.json()
    assert kana.usage() == []


@pytest.mark.parametrize("delta", [2**31 - 1, -(2**31)])
def test_32_bits_are_taken(kana: Account, delta: int) -> None:
    assert kana.record(delta=delta) == RECORDED


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query {", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ users " + "{ a " * 10_000, "GRAPHQL_PARSE_FAILED"),
        (CHAIN, "GRAPHQL_VALIDATION_FAILED"),
        ("{ user { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ subscriptions { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ users(id: "u") { id } }', "GRAPHQL_VALIDATION_FAILED"),
        (
            'mutation { updateUser(id: "u", input: {id: "u", email: "x"}) { id } }',
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (FIND, "BAD_USER_INPUT"),
        ("query a { users { id } } query b { users { id } }", "BAD_USER_INPUT"),
    ],
)
def test_a_document_that_cannot_run_is_answered_400(kana: Account, query: str, code: str) -> None:
    for _ in range(2):
        answer = kana.post("/graphql", json={"query": query})
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["extensions"]["code"]) == (400, code)
        assert error["message"]


def test_an_operation_is_chosen_by_its_name(kana: Account) -> None:
    query = "query a { users { id } } query b { features { id } }"
    answer = kana.post("/graphql", json={"query": query, "operationName": "b"})
    assert answer.json() == {"data": {"features": []}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"query":7}',
        b'{"query":"{users{id}}","variables":[]}',
        b'{"query":"{users{id}}","variables":"["}',
        b'{"query":"\xff"}',
        b'{"query":"{users{id}}","variables":' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_operation_is_answered_400(kana: Account, body: bytes) -> None:
    answer = kana.post("/graphql", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_only_json_is_read(kana: Account) -> None:
    body = json.dumps({"query": "{ users { id } }"})
    answer = kana.post("/graphql", data=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400
    charset = {"Content-Type": "application/json; charset=utf-8"}
    assert kana.post("/graphql", data=body, headers=charset).status_code == 200


def test_only_post_is_answered(kana: Account) -> None:
    answer = kana.get("/graphql?query={users{id}}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/graphql/more", "/graph"])
def test_there_is_one_endpoint(kana: Account, path: str) -> None:
    assert kana.post(path, json={"query": "{ users { id } }"}).status_code == 404


def test_one_mebibyte_is_the_most(kana: Account) -> None:
    body = json.dumps({"query": "{ users { id } }"}).ljust(1024 * 1024)
    json_type = {"Content-Type": "application/json"}
    assert kana.post("/graphql", data=body, headers=json_type).status_code == 200
    assert kana.post("/graphql", data=body + " ", headers=json_type).status_code == 413


@pytest.mark.parametrize(
    "authorization", [KEY, f"Bearer {KEY}", f"bearer {KEY}", "prv_live_0123456789abcdef"]
)
def test_a_key_is_valid_bare_and_after_bearer(kana: Account, authorization: str) -> None:
    kana.headers["Authorization"] = authorization
    assert kana.ask("{ features { id } }") == {"data": {"features": []}}


@pytest.mark.parametrize(
    "authorization", [None, "prv_test_", "Bearer prv_live_", "pub_test_1", f"Basic {KEY}", KEY[4:]]
)
def test_who_is_not_authorised_is_told_so_under_status_200(
    kana: Account, authorization: str | None
) -> None:
    given = {"query": RECORD, "variables": {"input": {"userId": "u", "featureId": "f"}}}
    answer = kana.post("/graphql", json=given, headers={"Authorization": authorization})
    message, code, name = fault(answer.json())
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert message.startswith("Unauthenticated")
    assert (code, name) == ("UNAUTHENTICATED", "AuthenticationError")
    assert kana.usage() == []


def test_only_the_key_of_the_settings_is_valid_until_they_are_reset(kana: Account) -> None:
    kana.settle(api_key="prv_test_new")
    assert fault(kana.record())[1] == "UNAUTHENTICATED"
    kana.headers["Authorization"] = "prv_test_new"
    assert kana.record() == RECORDED
    kana.delete("/_settings").raise_for_status()
    kana.headers["Authorization"] = KEY
    assert kana.record() == RECORDED


def test_a_user_is_created_found_and_listed(kana: Account) -> None:
    assert kana.ask(CREATE, input=ADA) == {"data": {"createUser": ADA}}
    assert kana.ask(FIND, id="u") == {"data": {"user": ADA}}
    assert kana.ask("{ users " + USER + " }") == {"data": {"users": [ADA]}}
    assert kana.users() == [ADA]


def test_a_user_needs_nothing_but_an_id(kana: Account) -> None:
    bare: dict[str, object] = {
        "id": "u",
        "billingId": None,
        "name": None,
        "email": None,
        "metadata": {},
    }
    assert kana.ask(CREATE, input={"id": "u"}) == {"data": {"createUser": bare}}


def test_metadata_is_any_json(kana: Account) -> None:
    metadata = {"plan": ["a", 1, 1.5, None, {"deep": True}]}
    kana.ask(CREATE, input={"id": "u", "metadata": metadata})
    assert kana.users()[0]["metadata"] == metadata


def test_users_may_share_an_email(kana: Account) -> None:
    for user_id in ("1", "2"):
        kana.ask(CREATE, input={"id": user_id, "email": "a@example.com"})
    assert [user["id"] for user in kana.users()] == ["1", "2"]


def test_a_user_who_exists_is_not_created_again(kana: Account) -> None:
    kana.ask(CREATE, input=ADA)
    answer = kana.ask(CREATE, input={"id": "u", "name": "Eve"})
    assert fault(answer) == ("User 'u' already exists", "BAD_USER_INPUT", "UserInputError")
    assert (answer["data"], kana.users()) == (None, [ADA])


def test_an_update_changes_what_it_names_and_keeps_the_rest(kana: Account) -> None:
    kana.ask(CREATE, input=ADA)
    changed = {**ADA, "name": "Ada L.", "metadata": {"a": 1}}
    given = {"id": "u", "name": "Ada L.", "metadata": {"a": 1}}
    assert kana.ask(UPDATE, id="u", input=given) == {"data": {"updateUser": changed}}
    assert kana.ask(UPDATE, id="u", input={"id": "u"}) == {"data": {"updateUser": changed}}
    assert kana.users() == [changed]


def test_an_update_may_give_another_id_which_takes_the_usage_along(kana: Account) -> None:
    kana.ask(CREATE, input=ADA)
    kana.record()
    kana.ask(UPDATE, id="u", input={"id": "new"})
    assert kana.users() == [{**ADA, "id": "new"}]
    assert kana.get("/_usage").json()["totals"] == {"new": {"messages": 1}}


def test_an_update_takes_no_id_that_another_user_has(kana: Account) -> None:
    for user_id in ("1", "2"):
        kana.ask(CREATE, input={"id": user_id})
    answer = kana.ask(UPDATE, id="1", input={"id": "2"})
    assert fault(answer)[0] == "User '2' already exists"
    assert [user["id"] for user in kana.users()] == ["1", "2"]


def test_who_is_unknown_is_not_found(kana: Account) -> None:
    answer = kana.ask(FIND, id="u")
    assert fault(answer) == USER_NOT_FOUND
    assert answer["data"] is None
    assert answer["errors"][0]["path"] == ["user"]
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 36}]
    assert fault(kana.ask(UPDATE, id="u", input={"id": "u"})) == USER_NOT_FOUND


def test_who_was_only_seen_in_usage_is_neither_found_nor_listed(kana: Account) -> None:
    kana.record()
    assert fault(kana.ask(FIND, id="u")) == USER_NOT_FOUND
    assert kana.users() == []
    assert kana.ask("{ users { id } }") == {"data": {"users": []}}


def test_who_was_only_seen_in_usage_is_listed_once_created(kana: Account) -> None:
    kana.record()
    assert "errors" not in kana.ask(CREATE, input={"id": "u"})
    assert [user["id"] for user in kana.users()] == ["u"]


def test_a_strict_kana_records_only_for_users_that_were_created(kana: Account) -> None:
    kana.record()
    kana.settle(strict=True, features=["messages"])
    answer = kana.record()
    assert (fault(answer), answer["data"]) == (USER_NOT_FOUND, {"recordUsage": None})
    assert fault(kana.ask(FIND, id="u")) == USER_NOT_FOUND
    kana.ask(CREATE, input={"id": "u"})
    assert kana.record() == RECORDED
    assert len(kana.usage()) == 2


def test_a_strict_kana_records_only_for_features_that_it_knows(kana: Account) -> None:
    kana.settle(strict=True, features=["messages"])
    kana.ask(CREATE, input={"id": "u"})
    answer = kana.record(featureId="calls")
    assert (fault(answer), answer["data"]) == (FEATURE_NOT_FOUND, {"recordUsage": None})
    kana.ask('mutation { createFeature(input: {id: "calls", name: "C", type: BINARY}) { id } }')
    assert kana.record(featureId="calls") == RECORDED


@pytest.mark.parametrize(
    ("empty", "expected"), [("userId", USER_NOT_FOUND), ("featureId", FEATURE_NOT_FOUND)]
)
def test_nobody_and_nothing_has_an_empty_id(
    kana: Account, empty: str, expected: tuple[str, str, str]
) -> None:
    assert fault(kana.record(**{empty: ""})) == expected
    assert fault(kana.ask(CREATE, input={"id": ""}))[1] == "BAD_USER_INPUT"
    assert (kana.users(), kana.usage()) == ([], [])


def test_usage_of_a_refused_feature_is_not_recorded_and_no_error(kana: Account) -> None:
    kana.settle(refuse_features={"messages": "limit reached"})
    refused = {"data": {"recordUsage": {"recorded": False, "reason": "limit reached"}}}
    assert kana.record() == refused
    assert kana.record(featureId="calls") == RECORDED
    assert kana.usage() == [("u", "calls", 1)]


def test_features_are_those_created_named_and_seen(kana: Account) -> None:
    create = 'mutation { createFeature(input: {id: "a", name: "A", type: BINARY}) { id type } }'
    assert kana.ask(create) == {"data": {"createFeature": {"id": "a", "type": "BINARY"}}}
    assert fault(kana.ask(create))[0] == "Feature 'a' already exists"
    kana.settle(features=["b"])
    kana.record(featureId="c")
    assert kana.ask("{ features { id name type } }")["data"]["features"] == [
        {"id": "a", "name": "A", "type": "BINARY"},
        {"id": "b", "name": "b", "type": "CONSUMABLE"},
        {"id": "c", "name": "c", "type": "CONSUMABLE"},
    ]


def test_a_feature_is_found_unless_kana_is_strict(kana: Account) -> None:
    query = '{ feature(id: "a") { id unitLabel metadata } }'
    feature: dict[str, object] = {"id": "a", "unitLabel": None, "metadata": {}}
    assert kana.ask(query) == {"data": {"feature": feature}}
    kana.settle(strict=True)
    assert fault(kana.ask(query)) == FEATURE_NOT_FOUND


def test_usage_is_shown_as_consumption(kana: Account) -> None:
    kana.record(delta=3)
    query = (
        '{ showUsage(userId: "u", featureId: "messages") '
        "{ current { periodStart periodEnd consumption { used budget overageEnabled } } "
        "past { periodStart } } }"
    )
    shown = kana.ask(query)["data"]["showUsage"]
    assert shown["current"].pop("periodStart") < shown["current"].pop("periodEnd")
    consumption = {"used": 3, "budget": None, "overageEnabled": False}
    assert shown == {"current": {"consumption": consumption}, "past": []}


def test_a_feature_can_be_used_unless_it_is_refused(kana: Account) -> None:
    query = (
        '{ canUseFeature(userId: "u", featureId: "messages", delta: 1) '
        "{ access reason consumption { used } } }"
    )
    allowed = kana.ask(query)["data"]["canUseFeature"]
    assert (allowed["access"], allowed["consumption"]) == (True, {"used": 0})
    kana.settle(refuse_features={"messages": "limit reached"})
    refused = kana.ask(query)["data"]["canUseFeature"]
    assert (refused["access"], refused["reason"]) == (False, "limit reached")


def test_the_schema_can_be_asked_for(kana: Account) -> None:
    answer = kana.ask('{ __type(name: "UpdateUserInput") { inputFields { name } } }')
    names = [field["name"] for field in answer["data"]["__type"]["inputFields"]]
    assert names == ["id", "name", "metadata"]


def test_what_came_is_shown_with_the_key_masked(kana: Account) -> None:
    kana.record()
    fault(kana.ask(FIND, id="nobody"))
    first, second = kana.get("/_received").json()["requests"]
    assert json.loads(first["body"])["variables"]["input"]["userId"] == "u"
    assert (first["method"], first["path"], first["status"]) == ("POST", "/kana/graphql", 200)
    assert first["headers"]["authorization"] == "prv_tes***"
    assert kana.get("/_received?limit=1").json()["requests"] == [second]


def test_an_error_status_records_nothing(kana: Account) -> None:
    kana.misbehave(status=503, headers={"Retry-After": 3})
    given = {"query": RECORD, "variables": {"input": {"userId": "u", "featureId": "f"}}}
    answer = kana.post("/graphql", json=given)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert error == {
        "message": "Service Unavailable",
        "extensions": {"code": "SERVICE_UNAVAILABLE"},
    }
    assert kana.usage() == []


@pytest.mark.parametrize(("effect", "expected"), [(True, [("u", "messages", 1)]), (False, [])])
def test_errors_inside_a_200_do_as_effect_says(
    kana: Account, *, effect: bool, expected: list[tuple[str, str, int]]
) -> None:
    body = {"errors": [{"message": "Boom", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}
    kana.misbehave(mode="answer", status=200, body=body, effect=effect, times=1)
    assert kana.record() == body
    assert kana.usage() == expected
    assert kana.record() == RECORDED


def test_misbehaviour_makes_no_success_of_an_error(kana: Account) -> None:
    kana.misbehave(body=RECORDED)
    assert fault(kana.record(userId="")) == USER_NOT_FOUND
    kana.headers["Authorization"] = "none"
    assert fault(kana.record())[1] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("effect", "expected"), [(True, [("u", "messages", 1)]), (False, [])])
def test_a_reset_does_as_effect_says(
    kana: Account, *, effect: bool, expected: list[tuple[str, str, int]]
) -> None:
    kana.misbehave(mode="reset", effect=effect)
    with pytest.raises(requests.ConnectionError):
        kana.record()
    assert kana.usage() == expected


@pytest.mark.parametrize(("effect", "expected"), [(True, [("u", "messages", 1)]), (False, [])])
def test_a_hang_does_as_effect_says(
    kana: Account,
    wait_until: Callable[[Callable[[], bool]], None],
    *,
    effect: bool,
    expected: list[tuple[str, str, int]],
) -> None:
    kana.misbehave(mode="hang", effect=effect)
    given = {"input": {"userId": "u", "featureId": "messages"}}
    with pytest.raises(requests.ReadTimeout):
        kana.post("/graphql", json={"query": RECORD, "variables": given}, timeout=SHORT_SECONDS)
    wait_until(lambda: len(kana.get("/_received").json()["requests"]) == 1)
    assert kana.usage() == expected


def test_a_share_of_the_requests_is_struck_after_a_delay(kana: Account) -> None:
    kana.misbehave(status=429, share=0.5, times=3, delay=0.01)
    query = {"query": "{ users { id } }"}
    statuses = [kana.post("/graphql", json=query).status_code for _ in range(30)]
    assert (statuses.count(429), statuses.count(200)) == (3, 27)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"strict": 1}, "strict"),
        ({"features": "x"}, "features"),
        ({"refuse_features": ["x"]}, "refuse_features"),
        ({"sctrict": True}, "sctrict"),
        ([], None),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    kana: Account, settings: object, field: str | None
) -> None:
    answer = kana.post("/_settings", json=settings)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", field)


def test_forgetting_the_state_leaves_nothing_behind(kana: Account) -> None:
    kana.ask(CREATE, input=ADA)
    kana.record()
    kana.settle(api_key="prv_test_new")
    kana.misbehave(status=503)
    kana.delete("/_state").raise_for_status()
    assert kana.users() == []
    assert kana.get("/_usage").json() == {"items": [], "count": 0, "totals": {}}
    assert kana.get("/_received").json() == {"requests": []}
    assert kana.record() == RECORDED


def test_the_page_shows_users_usage_and_errors(kana: Account, port: int) -> None:
    kana.ask(CREATE, input={**ADA, "metadata": {"a": 1}})
    kana.record(delta=2, action="SET")
    kana.ask(FIND, id="nobody")
    _, shown = requests.get(f"http://127.0.0.1:{port}/_live", timeout=10).json()["partners"]
    (usage,) = shown["tables"]["usage"]
    assert usage.pop("received").endswith("Z")
    assert usage == {"userId": "u", "featureId": "messages", "delta": 2, "action": "SET"}
    assert shown["tables"]["users"] == [{**ADA, "metadata": '{"a":1}'}]
    assert shown["totals"] == {
        "requests": 3,
        "users": 1,
        "usage recorded": 1,
        "unmapped": 0,
        "refused": 1,
    }
    assert [each["refused"] for each in shown["requests"]] == [True, False, False]
