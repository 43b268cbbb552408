"""Kable's contract, as the sandbox keeps it."""

from typing import Any

import pytest
import requests

CREATE = "/api/v1/events/create"
AUTHENTICATE = "/api/v1/authenticate"


def event(**fields: object) -> dict[str, Any]:
    return {"clientId": "customer-1", "timestamp": "2022-01-09T09:32:01Z", **fields}


def billed(kable: requests.Session) -> list[Any]:
    return list(kable.get("/_usage").json()["items"])


def test_an_array_is_billed_event_by_event_in_order(kable: requests.Session) -> None:
    events = [event(transactionId="t-1", data={"calls": 1}), event(transactionId="t-2")]
    answer = kable.post(CREATE, json=events)
    assert (answer.status_code, answer.content) == (200, b"")
    assert kable.get("/_usage").json() == {"items": events, "count": 2, "duplicates": 0}


def test_a_bare_object_is_one_event(kable: requests.Session) -> None:
    assert kable.post(CREATE, json=event(transactionId="t-1")).status_code == 200
    assert billed(kable) == [event(transactionId="t-1")]


def test_every_answer_carries_its_own_request_id(kable: requests.Session) -> None:
    answers = [
        kable.post(CREATE, json=event()),
        kable.post(CREATE, json=[]),
        kable.post(AUTHENTICATE, headers={"KABLE-CLIENT-ID": ""}),
        kable.post("/api/events/create", json=event()),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 401, 404]
    assert len({answer.headers["X-REQUEST-ID"] for answer in answers}) == 4


def test_a_transaction_is_billed_once_however_often_it_comes(kable: requests.Session) -> None:
    first, changed = event(transactionId="t-1"), event(transactionId="t-1", data={"calls": 2})
    assert kable.post(CREATE, json=[first, changed]).status_code == 200
    assert kable.post(CREATE, json=[changed]).status_code == 200
    assert kable.get("/_usage").json() == {"items": [first], "count": 1, "duplicates": 2}


def test_events_without_a_transaction_id_are_all_billed(kable: requests.Session) -> None:
    kable.post(CREATE, json=[event(), event()])
    kable.post(CREATE, json=[event()])
    assert billed(kable) == [event()] * 3


def test_numbers_leave_as_they_came(kable: requests.Session) -> None:
    sent = (
        '{"clientId":"c","timestamp":"2022-01-09T09:32:01Z",'
        '"data":{"price":1.10,"big":12345678901234567890,"tiny":1E-400}}'
    )
    kable.post(CREATE, data=f"[{sent}]")
    assert kable.get("/_usage").text == f'{{"items":[{sent}],"count":1,"duplicates":0}}'


def test_usage_can_be_limited_to_the_newest(kable: requests.Session) -> None:
    kable.post(CREATE, json=[event(transactionId=str(number)) for number in range(5)])
    answer = kable.get("/_usage?limit=2").json()
    assert [item["transactionId"] for item in answer["items"]] == ["3", "4"]
    assert answer["count"] == 5


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"timestamp": "2022-01-09T09:32:01Z"}, "clientId"),
        (event(clientId=""), "clientId"),
        (event(clientId=7), "clientId"),
        ({"clientId": "c"}, "timestamp"),
        (event(timestamp="yesterday"), "timestamp"),
        (event(timestamp=1641720721), "timestamp"),
        (event(timestamp="2022-01-09T09:32:01"), "timestamp"),
        (event(transactionId=7), "transactionId"),
        (event(transactionId=None), "transactionId"),
        (event(data=[1]), "data"),
        (event(data=None), "data"),
        ("text", "object"),
    ],
)
def test_a_wrong_event_refuses_its_array_and_is_named(
    kable: requests.Session, wrong: object, field: str
) -> None:
    answer = kable.post(CREATE, json=[event(), wrong])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("event 1: ")
    assert f"{field}`" in answer.json()["message"]
    assert billed(kable) == []


@pytest.mark.parametrize(
    "timestamp", ["2022-01-09T09:32:01.123456789+05:30", "2022-01-09t09:32:01z"]
)
def test_any_form_of_rfc_3339_is_a_timestamp(kable: requests.Session, timestamp: str) -> None:
    assert kable.post(CREATE, json=event(timestamp=timestamp)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"null", b"[1] 2", b'[{"clientId":"\xff"}]', b"[" * 100_000]
)
def test_what_is_no_array_of_events_is_refused(kable: requests.Session, body: bytes) -> None:
    answer = kable.post(CREATE, data=body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["message"]


def test_500_events_are_taken_and_501_are_too_many(kable: requests.Session) -> None:
    assert kable.post(CREATE, json=[event()] * 500).status_code == 200
    assert kable.post(CREATE, json=[event()] * 501).status_code == 413
    assert len(billed(kable)) == 500


def test_one_mebibyte_is_taken_and_a_byte_more_is_too_much(kable: requests.Session) -> None:
    start = b'{"clientId":"c","timestamp":"2022-01-09T09:32:01Z","data":{"text":"'
    fitting = start + b"x" * (1024 * 1024 - len(start) - 3) + b'"}}'
    assert kable.post(CREATE, data=fitting).status_code == 200
    assert kable.post(CREATE, data=fitting + b" ").status_code == 413
    assert len(billed(kable)) == 1


UNAUTHORISED = [
    {"KABLE-CLIENT-ID": None},
    {"KABLE-CLIENT-ID": "kci_"},
    {"KABLE-CLIENT-ID": "cus_1"},
    {"KABLE-CLIENT-SECRET": None},
    {"KABLE-CLIENT-SECRET": "pk_test.1"},
]


@pytest.mark.parametrize("path", [CREATE, AUTHENTICATE])
@pytest.mark.parametrize("headers", UNAUTHORISED)
def test_who_is_not_authorised_is_told_so(
    kable: requests.Session, path: str, headers: dict[str, str | None]
) -> None:
    answer = kable.post(path, json=[event()], headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert billed(kable) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"KABLE-CLIENT-SECRET": "sk_live.abcdefgh.secret"},
        {"X-CLIENT-ID": "kci_1", "X-API-KEY": "sk_test.abcdefgh.secret"},
        {"X-CLIENT-ID": "kci_1", "X-API-KEY": "sk_live.1", "KABLE-CLIENT-SECRET": None},
    ],
)
def test_who_is_authorised_may_authenticate(
    kable: requests.Session, headers: dict[str, str | None]
) -> None:
    answer = kable.post(AUTHENTICATE, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_api_key_needs_the_client_id_that_it_belongs_to(kable: requests.Session) -> None:
    headers = {"X-API-KEY": "sk_test.1", "KABLE-CLIENT-SECRET": None}
    assert kable.post(AUTHENTICATE, headers=headers).status_code == 401


def test_only_the_key_of_the_settings_is_valid_until_they_are_reset(
    kable: requests.Session,
) -> None:
    kable.post("/_settings", json={"api_key": "sk_test.new"}).raise_for_status()
    new = {"KABLE-CLIENT-SECRET": "sk_test.new"}
    assert kable.post(AUTHENTICATE).status_code == 401
    assert kable.post(AUTHENTICATE, headers=new).status_code == 200
    kable.delete("/_settings").raise_for_status()
    assert kable.post(AUTHENTICATE).status_code == 200


def test_a_refused_client_id_refuses_the_whole_array(kable: requests.Session) -> None:
    kable.post("/_settings", json={"refuse_client_ids": ["bad"]}).raise_for_status()
    answer = kable.post(CREATE, json=[event(), event(), event(clientId="bad")])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("event 2: clientId 'bad'")
    assert billed(kable) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"api_key": 7}, "api_key"), ({"refuse_client_ids": "x"}, "refuse_client_ids"), ([], None)],
)
def test_settings_that_make_no_sense_are_refused(
    kable: requests.Session, settings: object, field: str | None
) -> None:
    answer = kable.post("/_settings", json=settings)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", field)


def test_forgetting_the_state_leaves_nothing_behind(kable: requests.Session) -> None:
    kable.post(CREATE, json=[event(transactionId="t-1")] * 2)
    kable.post("/_settings", json={"api_key": "sk_test.new"})
    kable.post("/_answers", json={"status": 503})
    kable.delete("/_state").raise_for_status()
    assert kable.get("/_usage").json() == {"items": [], "count": 0, "duplicates": 0}
    assert kable.get("/_received").json() == {"requests": []}
    assert kable.post(CREATE, json=[event(transactionId="t-1")]).status_code == 200


ASK = "/api/v1/usage/get"
WHOLE_DAY = {"startDate": "2022-01-09T00:00:00Z", "endDate": "2022-01-10T00:00:00Z"}


def asked(**fields: object) -> dict[str, Any]:
    question = {"aggregation": "COUNT", "interval": "DAY", "dimensionKey": "calls", **WHOLE_DAY}
    return {**question, **fields}


def totals(kable: requests.Session, **fields: object) -> tuple[Any, list[Any]]:
    answer = kable.post(ASK, json=asked(**fields))
    assert answer.status_code == 201, answer.text
    return answer.json()["total"], [one["total"] for one in answer.json()["intervals"]]


def test_usage_is_counted_by_dimension_and_interval(kable: requests.Session) -> None:
    kable.post(CREATE, json=[event(data={"calls": 2}), event(data={"other": 1}), event()])
    kable.post(CREATE, json=[event(timestamp="2022-01-11T00:00:00+01:00", data={"calls": 5})])
    three_days = {"startDate": "2022-01-09T00:00:00Z", "endDate": "2022-01-12T00:00:00Z"}
    assert totals(kable, **three_days) == (2, [1, 1, 0])
    assert totals(kable, **three_days, aggregation="SUM") == (7, [2, 5, 0])
    assert totals(kable, **three_days, aggregation="MAXIMUM") == (5, [2, 5, 0])
    assert totals(kable, interval="HOUR") == (1, [0] * 9 + [1] + [0] * 14)


def test_usage_of_one_client_is_counted_apart(kable: requests.Session) -> None:
    events = [event(clientId=client, data={"calls": 3}) for client in ("a", "b", "b")]
    kable.post(CREATE, json=events)
    assert totals(kable, clientId="b") == (2, [2])
    assert totals(kable, clientId="b", aggregation="COUNT_DISTINCT") == (1, [1])
    assert totals(kable, clientId=None) == (3, [3])


def test_a_count_says_what_it_counted(kable: requests.Session) -> None:
    dimension = {"dimensionId": "dim_calls", "key": "calls", "name": "calls"}
    bounds = {
        "intervalStart": WHOLE_DAY["startDate"],
        "intervalEnd": WHOLE_DAY["endDate"],
    }
    about = {"dimension": dimension, "clientId": None, "total": 0}
    assert kable.post(ASK, json=asked()).json() == {
        **WHOLE_DAY,
        **about,
        "intervals": [{**bounds, **about}],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"aggregation": "MEAN"},
        {"interval": "MONTH"},
        {"dimensionKey": ""},
        {"startDate": "2022-01-09"},
        {"endDate": "2022-01-09T00:00:00Z"},
        {"endDate": "2122-01-09T00:00:00Z", "interval": "MINUTE"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    kable: requests.Session, wrong: dict[str, object]
) -> None:
    answer = kable.post(ASK, json=asked(**wrong))
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


def test_what_is_no_number_has_no_sum(kable: requests.Session) -> None:
    kable.post(CREATE, json=event(data={"calls": "many"}))
    assert kable.post(ASK, json=asked(aggregation="SUM")).status_code == 400
    assert totals(kable) == (1, [1])


def test_usage_is_shown_to_who_is_authorised(kable: requests.Session) -> None:
    answer = kable.post(ASK, json=asked(), headers={"KABLE-CLIENT-SECRET": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
