"""Segment's Webhooks destinations: signed, stamped by Segment, one event or an array."""

import hmac
import json
from typing import Any

import pytest
import redis
import requests

from tests.ingesting import OK, SECRET, Sender, answered, counts, events, kept, refused
from tests.processes import wait_until

# As JavaScript prints it: Python would write 1e-05 and 1e-07.
FIRST = (
    '{"type":"track","event":"Call","userId":"u","messageId":"a","properties":'
    '{"price":0.00001,"tiny":1e-7,"name":"Zoë <b>&","smile":"\\ud83d"},'
    '"originalTimestamp":"2026-01-02T03:04:05.000Z","sentAt":"2026-01-02T03:04:06.000Z",'
    '"receivedAt":"2026-01-02T03:10:06.500Z","timestamp":"2026-01-02T03:10:05.500Z",'
    '"version":2,"channel":"server","projectId":"p"}'
)
SECOND = '{"type":"identify","userId":"v","messageId":"b","timestamp":"2026-01-02T03:04:05.678Z"}'
DELETE = '{"type":"delete","userId":"u","timestamp":"2026-01-02T03:04:05.678Z"}'


def signature(signed: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), signed.encode(), "sha1").hexdigest()


def forward(
    ingest: Sender, body: str, signed: str | None = None, path: str = "web", method: str = "POST"
) -> requests.Response:
    headers = {"X-Signature": signature(body if signed is None else signed)}
    url = f"{ingest.address}/v1/webhook/{path}"
    return ingest.request(method, url, data=body.encode(), headers=headers, timeout=20)


def test_a_signature_that_openssl_computed_is_good(ingest: Sender) -> None:
    body = b'{"type":"identify","userId":"u","traits":{"price":0.00001,"tiny":1e-7}}'
    headers = {"X-Signature": b"dcb7c7b5865d28ca64290adc37c3036be3c52de3"}
    assert answered(ingest.send_to("/v1/webhook/web", body, headers=headers)) == OK


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("path", ["web", "web/"])
def test_a_signed_event_is_kept_with_the_times_that_segment_gave_it(
    ingest: Sender, store: redis.Redis, method: str, path: str
) -> None:
    assert answered(forward(ingest, FIRST, path=path, method=method)) == OK
    [event] = events(store)
    sent: dict[str, Any] = json.loads(FIRST.replace("\\ud83d", "\\ufffd"))
    del sent["sentAt"]
    assert event == sent


def test_the_numbers_of_an_event_are_kept_as_segment_wrote_them(
    ingest: Sender, store: redis.Redis
) -> None:
    forward(ingest, FIRST)
    [delivery] = kept(store, "usage")
    assert b'"price":0.00001,"tiny":1e-7,' in delivery.event


@pytest.mark.parametrize("form", ["[{},{},{},5]", " [ {} , {},\n{}, 5 ]"])
def test_an_array_is_signed_by_its_first_event(
    ingest: Sender, store: redis.Redis, form: str
) -> None:
    body = form.replace("{}", "%s") % (FIRST, DELETE, SECOND)
    assert answered(forward(ingest, body, signed=FIRST)) == OK
    assert [event["messageId"] for event in events(store)] == ["a", "b"]
    expected = {"accepted": 2, "ignored": 1, "refused:bad_request": 1}
    wait_until(lambda: counts(store) == expected)


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (FIRST, ""),
        (FIRST, FIRST + " "),
        (f"[{FIRST},{SECOND}]", f"[{FIRST},{SECOND}]"),
        (f"[{SECOND},{FIRST}]", FIRST),
    ],
)
def test_what_is_signed_otherwise_is_refused(
    ingest: Sender, store: redis.Redis, body: str, signed: str
) -> None:
    assert refused(forward(ingest, body, signed=signed)) == (401, "bad_signature")
    assert events(store) == []


@pytest.mark.parametrize("value", [None, b"", b"\xff", signature(FIRST, "other").encode()])
def test_a_webhook_without_a_good_signature_is_refused(
    ingest: Sender, value: bytes | None
) -> None:
    headers = {} if value is None else {"X-Signature": value}
    response = ingest.send_to("/v1/webhook/web", FIRST.encode(), headers=headers)
    assert refused(response) == (401, "bad_signature")


def test_hex_digits_of_a_signature_may_be_upper_case(ingest: Sender) -> None:
    headers = {"X-Signature": signature(FIRST).upper().encode()}
    assert answered(ingest.send_to("/v1/webhook/web", FIRST.encode(), headers=headers)) == OK


@pytest.mark.parametrize(
    ("source", "told"), [("app", "set sources.app.webhook_secret"), ("web2", "expected the id")]
)
def test_a_source_that_is_unknown_or_has_no_secret_takes_no_webhook(
    ingest: Sender, source: str, told: str
) -> None:
    response = forward(ingest, FIRST, path=source)
    assert refused(response) == (401, "unknown_source")
    assert told in response.json()["message"]


@pytest.mark.parametrize("body", ["", "5", '"a"', "[]", "[", "{", f"[{FIRST}", "[[" * 9999])
def test_a_webhook_that_is_neither_event_nor_array_is_malformed(ingest: Sender, body: str) -> None:
    assert refused(forward(ingest, body)) == (400, "bad_request")


def test_four_thousand_events_of_one_webhook_are_kept(ingest: Sender, store: redis.Redis) -> None:
    items = [FIRST.replace('"a"', f'"m{n}","pad":"{"x" * 2000}"') for n in range(4000)]
    assert answered(forward(ingest, f"[{','.join(items)}]", signed=items[0])) == OK
    assert len(kept(store, "usage")) == 4000


def test_one_event_too_many_refuses_the_array(ingest: Sender, store: redis.Redis) -> None:
    assert answered(forward(ingest, f"[{','.join([SECOND] * 4001)}]", signed=SECOND)) == OK
    wait_until(lambda: counts(store) == {"refused:bad_request": 4001})


def test_a_webhook_over_its_own_cap_is_refused(ingest: Sender) -> None:
    response = forward(ingest, "x" * (16 * 1024 * 1024 + 1))
    assert refused(response) == (400, "request_too_large")


def test_an_event_may_have_grown_at_segment(ingest: Sender, store: redis.Redis) -> None:
    for name, size in (("grown", 40_000), ("huge", 70_000)):
        forward(ingest, SECOND.replace('"b"', f'"{name}","pad":"{"x" * size}"'))
    wait_until(lambda: counts(store) == {"accepted": 1, "refused:event_too_large": 1})


def test_an_event_without_times_of_segment_happened_now(
    ingest: Sender, store: redis.Redis
) -> None:
    forward(ingest, '{"type":"identify","userId":"u","receivedAt":null,"originalTimestamp":"x"}')
    [event] = events(store)
    assert event["timestamp"] == event["receivedAt"]
    assert event["originalTimestamp"] == "x"


def test_a_timestamp_alone_is_also_the_original(ingest: Sender, store: redis.Redis) -> None:
    forward(ingest, SECOND)
    [event] = events(store)
    assert event["timestamp"] == event["originalTimestamp"] == "2026-01-02T03:04:05.678Z"
