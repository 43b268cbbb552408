"""What app/destinations/kable does with an event, an account and an answer."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.destination import (
    Answer,
    Counted,
    CountFailed,
    CountsByDay,
    Item,
    Lost,
    NotSent,
    Period,
    Reject,
    Reply,
    Request,
    Span,
)
from app.destinations.kable import KABLE, KableAccount
from app.outcome import Delivered, Outcome, Rejected, Retryable, Unavailable
from app.segment import Event


def account(**settings: object) -> KableAccount:
    keys = {"api_key": "sk_test.0.1", "kable_client_id": "kci_1"}
    return KableAccount.model_validate({"id": "kable", "kind": "kable", **keys, **settings})


def track(properties: bytes = b"{}", /, **fields: object) -> Event:
    members = {
        "type": "track",
        "userId": "u1",
        "messageId": "m1",
        "timestamp": "2022-01-09T09:32:01.000Z",
        **fields,
    }
    written = json.dumps({name: value for name, value in members.items() if value is not ...})
    return Event.decode(written[:-1].encode() + b',"properties":' + properties + b"}")


def billed(event: Event, **settings: object) -> bytes:
    item = KABLE.transform(event, account(**settings))
    assert isinstance(item, Item), item
    return item.body


def data(properties: bytes, mappings: dict[str, str] | None = None) -> bytes:
    body = billed(track(properties), properties_mappings=mappings or {})
    head = b'{"clientId":"u1","timestamp":"2022-01-09T09:32:01.000Z","transactionId":"m1","data":'
    assert body.startswith(head)
    return body[len(head) : -1]


def test_an_event_becomes_who_when_which_and_how_much() -> None:
    assert billed(track(b'{"units":3}')) == (
        b'{"clientId":"u1","timestamp":"2022-01-09T09:32:01.000Z","transactionId":"m1",'
        b'"data":{"units":3}}'
    )


@pytest.mark.parametrize("properties", [b"{}", b"null", b"[1]"])
def test_an_event_without_properties_has_empty_data(properties: bytes) -> None:
    assert data(properties) == b"{}"
    absent = {name: value for name, value in track().fields.items() if name != "properties"}
    assert billed(Event(absent)) == billed(track())


def test_every_value_leaves_as_the_bytes_that_came() -> None:
    written = (
        b'{"a":399.99,"b":1.10,"c":12345678901234567890123,"d":1E400,"e":-0.0,'
        b'"f":"\\u00e9 \xc3\xa9",'
        b'"g":null,"h":true,"i":[1.0, 2.50],"j":{"k" : 0.10}}'
    )
    assert data(written) == written


@pytest.mark.parametrize(
    ("found", "client_id"),
    [
        (b'"u1"', b'"u1"'),
        (b'" u 1 "', b'" u 1 "'),
        (b'"\\u00e9"', '"é"'.encode()),
        (b"7", b'"7"'),
        (b"-7", b'"-7"'),
        (b"0", b'"0"'),
        (b"12345678901234567890", b'"12345678901234567890"'),
        (b"12345678901234567890.0", b'"12345678901234567890"'),
    ],
)
def test_the_client_id_is_a_text_or_a_whole_number(found: bytes, client_id: bytes) -> None:
    body = billed(track(b'{"customer":' + found + b"}"), client_id_field="properties.customer")
    assert body.startswith(b'{"clientId":' + client_id + b",")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        (b"{}", "nothing"),
        (b'{"customer":null}', "null"),
        (b'{"customer":""}', "an empty text"),
        (b'{"customer":" "}', "an empty text"),
        (b'{"customer":1.5}', "a number with a fraction or an exponent"),
        (b'{"customer":1e3}', "a number with a fraction or an exponent"),
        (b'{"customer":true}', "true"),
        (b'{"customer":false}', "false"),
        (b'{"customer":["u1"]}', "an array"),
        (b'{"customer":{"id":"u1"}}', "an object"),
    ],
)
def test_any_other_client_id_is_refused_by_its_path(properties: bytes, found: str) -> None:
    settings = account(client_id_field="properties.customer")
    assert KABLE.transform(track(properties), settings) == Reject(
        "properties.customer: expected the customer's clientId, a text or a whole number; "
        f"found {found}"
    )


@pytest.mark.parametrize(
    ("path", "client_id"), [("userId", "u1"), ("", "u1"), ("context.groupId", "g1"), ("a.b", "ab")]
)
def test_the_client_id_is_found_from_the_root_of_the_event(path: str, client_id: str) -> None:
    event = track(context={"groupId": "g1"}, **{"a.b": "ab"})
    assert json.loads(billed(event, client_id_field=path))["clientId"] == client_id


@pytest.mark.parametrize("name", ["messageId", "timestamp"])
@pytest.mark.parametrize("value", [..., None, "", 5])
def test_an_event_without_its_envelope_is_refused(name: str, value: object) -> None:
    refused = KABLE.transform(track(**{name: value}), account())
    assert refused == Reject(f"{name}: expected a text that is not empty")


@pytest.mark.parametrize(
    ("original", "timestamp"),
    [
        ("2022-01-09T11:32:05.5+02:00", "2022-01-09T09:32:05.500Z"),
        ("2022-01-09T09:32:05.123456789Z", "2022-01-09T09:32:05.123Z"),
        ("2022-01-09T09:32:05", "2022-01-09T09:32:05.000Z"),
        ("yesterday", "2022-01-09T09:32:01.000Z"),
        ("0001-01-01T00:00:00+14:00", "2022-01-09T09:32:01.000Z"),
        ("", "2022-01-09T09:32:01.000Z"),
        (1641720725, "2022-01-09T09:32:01.000Z"),
        (..., "2022-01-09T09:32:01.000Z"),
    ],
)
def test_the_original_timestamp_is_billed_on_demand_where_it_can_be_read(
    original: object, timestamp: str
) -> None:
    event = track(originalTimestamp=original)
    assert json.loads(billed(event, timestamp="original"))["timestamp"] == timestamp
    assert json.loads(billed(event))["timestamp"] == "2022-01-09T09:32:01.000Z"


@pytest.mark.parametrize(
    ("properties", "mappings", "sent"),
    [
        (b'{"a":1.10,"b":2}', {"a": "x"}, b'{"b":2,"x":1.10}'),
        (b'{"a":1}', {"missing": "x"}, b'{"a":1}'),
        (b'{"a":1}', {"a": "a"}, b'{"a":1}'),
        (b'{"a":1,"x":2}', {"a": "x"}, b'{"x":1}'),
        (b'{"a":1,"b":2}', {"a": "b", "b": "a"}, b'{"b":1,"a":2}'),
        (b'{"a":1,"b":2}', {"a": "x", "b": "x"}, b'{"x":2}'),
        (b'{"a":1,"b":2}', {"b": "x", "a": "x"}, b'{"x":1}'),
        (b'{"n":{"f":1.0}}', {"n.f": "x"}, b'{"x":1.0}'),
        (b'{"n":{"f":1,"g":2.50}}', {"n.f": "x"}, b'{"n":{"g":2.50},"x":1}'),
        (b'{"n":{"f":1,"g":2}}', {"n.f": "x", "n.g": "y"}, b'{"x":1,"y":2}'),
        (b'{"n":{"f":1}}', {"n": "x", "n.f": "y"}, b'{"x":{"f":1},"y":1}'),
        (b'{"n":{"f":1,"g":2}}', {"n.f": "y", "n": "x"}, b'{"y":1,"x":{"f":1,"g":2}}'),
        (b'{"n":{"m":{"f":1}},"o":{}}', {"n.m.f": "x"}, b'{"o":{},"x":1}'),
        (b'{"n.f":1,"n":{"f":2}}', {"n.f": "x"}, b'{"n":{"f":2},"x":1}'),
        (b'{"n":{"f":null}}', {"n.f": "x"}, b'{"x":null}'),
        (b'{"n":[{"f":1}]}', {"n.f": "x", "n.0": "y"}, b'{"n":[{"f":1}]}'),
    ],
)
def test_a_mapping_moves_a_property_to_a_key_of_data(
    properties: bytes, mappings: dict[str, str], sent: bytes
) -> None:
    assert data(properties, mappings) == sent


def test_items_travel_as_an_array() -> None:
    request = KABLE.compose([Item(b'{"a":1}'), Item(b'{"b":2}')], account())
    json_only = {"Content-Type": "application/json", "Accept": "application/json"}
    assert request == Request(
        "/api/v1/events/create", b'[{"a":1},{"b":2}]', "POST", headers=json_only
    )


def test_the_credentials_go_with_every_request() -> None:
    assert KABLE.headers(account()) == {
        "KABLE-CLIENT-ID": "kci_1",
        "KABLE-CLIENT-SECRET": "sk_test.0.1",
        "X-CLIENT-ID": "kci_1",
        "X-API-KEY": "sk_test.0.1",
    }


def test_the_probe_asks_whether_the_credentials_are_good() -> None:
    probe = KABLE.probe(account())
    assert (probe.method, probe.path, probe.body) == ("POST", "/api/v1/authenticate", b"")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"api_key": "sk_live.0.1"}, "https://live.kable.io"),
        ({"api_key": "sk_test.0.1"}, "https://test.kable.io"),
        ({"api_key": "sk_live.0.1", "base_url": "http://localhost:1/"}, "http://localhost:1"),
        ({"api_key": "another", "base_url": "http://localhost:1"}, "http://localhost:1"),
    ],
)
def test_the_key_tells_the_host(settings: dict[str, str], url: str) -> None:
    assert KABLE.base_url(account(**settings)) == url


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"api_key": "another"}, "api_key: expected it to begin with sk_live or sk_test"),
        ({"api_key": "sk_test\n"}, "expected visible ASCII characters"),
        ({"api_key": " "}, "expected visible ASCII characters"),
        ({"kable_client_id": " "}, "expected visible ASCII characters"),
        ({"kable_client_id": ""}, "expected visible ASCII characters"),
        ({"properties_mappings": {"a": ""}}, "at least 1 character"),
        ({"kind": "kana"}, "Input should be 'kable'"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_without_showing_it(
    settings: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        account(**settings)
    assert fault in str(refused.value)
    assert "another" not in str(refused.value).replace("any other", "")


AFTER = timedelta(seconds=7)
NO = b'{"message":"Unauthorized"}'


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Answer(200), Delivered()),
        (Answer(201, body=b"anything"), Delivered()),
        (Answer(409), Delivered()),
        (
            Answer(401, {"x-request-id": "r1"}, NO),
            Unavailable(
                "Kable answered 401, Unauthorized (X-REQUEST-ID r1): "
                "look at api_key and kable_client_id",
                cause="credentials",
            ),
        ),
        (
            Answer(403),
            Unavailable(
                "Kable answered 403: look at api_key and kable_client_id", cause="credentials"
            ),
        ),
        (Answer(429, retry_after=AFTER), Unavailable("Kable answered 429", AFTER, "throttled")),
        (Answer(502), Unavailable("Kable answered 502")),
        (Answer(503, retry_after=AFTER), Unavailable("Kable answered 503", AFTER)),
        (Answer(504), Unavailable("Kable answered 504")),
        (NotSent("refused"), Unavailable("refused")),
        (Lost("reset"), Retryable("reset")),
        (Answer(408), Retryable("Kable answered 408")),
        (Answer(500, retry_after=AFTER), Retryable("Kable answered 500", AFTER)),
        (Answer(599), Retryable("Kable answered 599")),
        (Answer(301), Rejected("Kable answered 301")),
        (Answer(404), Rejected("Kable answered 404")),
        (
            Answer(400, {"x-request-id": "r1"}, b'{"message":"clientId: unknown"}'),
            Rejected("Kable answered 400, clientId: unknown (X-REQUEST-ID r1)"),
        ),
        (Answer(400, body=b'{"message":5}'), Rejected("Kable answered 400")),
        (Answer(400, body=b"<html>"), Rejected("Kable answered 400")),
        (Answer(400, body=b'["message"]'), Rejected("Kable answered 400")),
        (Answer(400, body=b'{"message":"\xff"}'), Rejected("Kable answered 400")),
        (
            Answer(400, body=b'{"message":"' + b"x" * 9999 + b'"}'),
            Rejected("Kable answered 400, " + "x" * 300),
        ),
    ],
)
def test_an_answer_says_what_becomes_of_the_events(reply: Reply, outcome: Outcome) -> None:
    assert KABLE.read(reply, KABLE.probe(account())) == outcome


SPAN = Span(datetime(2022, 1, 9, tzinfo=UTC), datetime(2022, 1, 11, tzinfo=UTC))


def counted(body: bytes, status: int = 201) -> Counted | CountFailed:
    assert isinstance(KABLE.counts, CountsByDay)
    return KABLE.counts.told(Answer(status, body=body))


def test_a_count_is_asked_for_by_day_for_one_dimension_and_one_customer() -> None:
    assert isinstance(KABLE.counts, CountsByDay)
    request = KABLE.counts.ask(replace(SPAN, customer="c1"), account(reconcile_dimension="calls"))
    assert isinstance(request, Request)
    assert (request.method, request.path) == ("POST", "/api/v1/usage/get")
    assert json.loads(request.body) == {
        "aggregation": "COUNT",
        "interval": "DAY",
        "startDate": "2022-01-09T00:00:00.000Z",
        "endDate": "2022-01-11T00:00:00.000Z",
        "dimensionKey": "calls",
        "clientId": "c1",
    }


def test_without_a_dimension_it_says_what_to_set() -> None:
    assert isinstance(KABLE.counts, CountsByDay)
    failed = KABLE.counts.ask(SPAN, account())
    assert isinstance(failed, CountFailed)
    assert "set destinations.kable.reconcile_dimension" in failed.why


def test_a_count_is_read_by_day_in_the_order_of_time() -> None:
    later = {"intervalStart": "2022-01-10T00:00:00Z", "intervalEnd": "2022-01-11", "total": 2}
    earlier = {
        "intervalStart": "2022-01-09T01:00:00+01:00",
        "intervalEnd": "2022-01-10T00:00:00.000Z",
        "total": 3.0,
    }
    body = json.dumps({"total": 5, "intervals": [later, earlier]}).encode()
    middle = datetime(2022, 1, 10, tzinfo=UTC)
    both = (Period(SPAN.since, middle, 3), Period(middle, SPAN.until, 2))
    assert counted(body) == counted(body, 200) == Counted(both)
    assert counted(b'{"intervals": []}') == Counted(())


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, b'{"message":"Unauthorized"}', "look at api_key"),
        (400, b'{"message":"no dimension"}', ", no dimension: look at reconcile_dimension"),
        (500, b'{"message":"Something went wrong"}', "answered 500, Something went wrong"),
        (201, b"<html>", "no usage by day"),
        (201, b'{"total": 3}', "no usage by day"),
        (201, b'{"intervals": [{"intervalStart": 1, "intervalEnd": 2, "total": 3}]}', "RFC 3339"),
        (
            201,
            b'{"intervals":[{"intervalStart":"2022-01-09","intervalEnd":"2022-01-10","total":1.5}]}',
            "whole totals",
        ),
    ],
)
def test_an_answer_that_is_no_count_says_what_to_look_at(
    status: int, body: bytes, why: str
) -> None:
    failed = counted(body, status)
    assert isinstance(failed, CountFailed)
    assert not failed.away
    assert why in failed.why
