"""Requests in the shapes of Segment's SDKs are answered as Segment does, and their events kept."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tests import recorded
from tests.ingesting import OK, Sender, answered, counts, events, kept, refused
from tests.processes import wait_until
from tests.recorded import Recorded

EVERYTHING = recorded.everything()
NAMES = [f"{number} {one.sdk} {one.path}" for number, one in enumerate(EVERYTHING)]


def send(ingest: Sender, request: Recorded) -> tuple[int, str, str]:
    ingest.auth = lambda prepared: prepared
    return answered(ingest.send_to(request.path, request.sent, headers=request.headers))


@pytest.mark.parametrize("request_", EVERYTHING, ids=NAMES)
def test_every_event_of_an_sdk_is_kept(
    ingest: Sender, store: redis.Redis, request_: Recorded
) -> None:
    assert send(ingest, request_) == OK
    items = request_.body.get("batch", [request_.body])
    ids = [item["messageId"] for item in items if "Kable" not in item.get("integrations", {})]
    assert [event["messageId"] for event in events(store)] == ids
    tracks = [item["messageId"] for item in items if item["type"] == "track"]
    assert [delivery.id for delivery in kept(store, "usage")] == tracks


@pytest.mark.parametrize("request_", EVERYTHING, ids=NAMES)
def test_an_sdk_that_sends_again_is_told_success_and_kept_once(
    ingest: Sender, store: redis.Redis, request_: Recorded
) -> None:
    assert [send(ingest, request_), send(ingest, request_)] == [OK, OK]
    number = len(request_.types)
    wait_until(lambda: counts(store) == {"accepted": number, "deduplicated": number})


def test_what_only_the_sdk_needs_is_not_kept(ingest: Sender, store: redis.Redis) -> None:
    for request in (*recorded.browser(), recorded.node()):
        send(ingest, request)
    for event in events(store):
        assert event.keys().isdisjoint({"writeKey", "sentAt", "_metadata"})


def test_the_correction_takes_the_clock_of_the_sender_from_its_sent_at(
    ingest: Sender, store: redis.Redis
) -> None:
    send(ingest, recorded.python())
    event = events(store)[0]
    received, corrected = (
        datetime.fromisoformat(event[name]) for name in ("receivedAt", "timestamp")
    )
    skew = (received - corrected) / timedelta(milliseconds=1)
    assert skew in (400, 401)  # written in whole milliseconds, each
    assert abs(datetime.now(UTC) - received) < timedelta(minutes=1)
    assert event["originalTimestamp"] == f"{recorded.SECOND}.587+00:00"


def test_without_sent_at_the_timestamp_stands(ingest: Sender, store: redis.Redis) -> None:
    send(ingest, recorded.node())
    assert {event["timestamp"] for event in events(store)} == {f"{recorded.SECOND}.933Z"}


def test_the_library_that_a_batch_names_is_that_of_its_events(
    ingest: Sender, store: redis.Redis
) -> None:
    send(ingest, recorded.go())
    library = {"name": "analytics-go", "version": "3.0.0"}
    assert [event["context"]["library"] for event in events(store)] == [library] * 6


def test_of_a_batch_over_segments_size_only_the_event_over_its_size_is_refused(
    ingest: Sender, store: redis.Redis
) -> None:
    large = recorded.node(**{f"large-{number}": 31_000 for number in range(40)}, over=33_000)
    assert len(large.sent) > 1_270_000
    assert send(ingest, large) == OK
    assert len(kept(store, "usage")) == 42
    wait_until(lambda: counts(store) == {"accepted": 47, "refused:event_too_large": 1})


def test_engage_messages_reach_the_destination_that_they_name(
    ingest: Sender, store: redis.Redis
) -> None:
    messages = recorded.engage()
    assert ingest.send_to("/v1/batch", {"batch": messages}).ok
    ours = [{**event, "receivedAt": ""} for event in events(store)]
    theirs = [
        {**sent, "receivedAt": "", "originalTimestamp": sent["timestamp"]} for sent in messages
    ]
    assert ours == theirs
    assert kept(store, "usage") == []


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        ("/v1/track", {"event": "e"}, "no_user_anon_id"),
        ("/v1/track", {"userId": "u"}, "event_not_defined"),
        ("/v1/track", {"userId": "u", "event": 5}, "event_not_string"),
        ("/v1/track", {"userId": "u", "event": "e", "properties": []}, "properties_not_object"),
        ("/v1/i", {"userId": "u", "traits": "x"}, "traits_not_object"),
        ("/v1/batch", {"batch": []}, "empty_batch"),
    ],
)
def test_a_bad_event_is_answered_with_success_and_counted_under_segments_code(
    ingest: Sender, store: redis.Redis, path: str, body: object, refusal: str
) -> None:
    assert answered(ingest.send_to(path, body)) == OK
    wait_until(lambda: counts(store) == {f"refused:{refusal}": 1})


@pytest.mark.parametrize(
    ("id_", "kept_as"), [(12345, "12345"), (None, None), (1.5, None), (10**30, str(10**30))]
)
def test_an_id_that_is_a_whole_number_is_kept_as_text(
    ingest: Sender, store: redis.Redis, id_: object, kept_as: str | None
) -> None:
    body = json.dumps({"userId": id_, "event": "e"}).encode()
    assert answered(ingest.send_to("/v1/track", body)) == OK
    assert [event["userId"] for event in events(store)] == ([kept_as] if kept_as else [])


def test_json_that_is_broken_is_the_only_thing_that_loses_a_batch(ingest: Sender) -> None:
    assert refused(ingest.send_to("/v1/batch", b'{"batch":[, ]}')) == (400, "bad_request")
