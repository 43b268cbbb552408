import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Raw

from app.ingest.acceptance import accept, accept_batch, accept_forwarded
from app.ingest.body import MalformedError, decode
from app.ingest.routing import TYPES, Route, Source
from app.ingest.stamp import Accepted, Arrival, Limits, Outcome, Refused

RECEIVED_AT = datetime(2026, 3, 4, 5, 6, 7, 891000, UTC)
ROUTES = (Route("usage", "Kable"), Route("limits", "Kana"))
ARRIVAL = Arrival(
    Source("web", {type_: ROUTES if type_ == "track" else ROUTES[1:] for type_ in TYPES}),
    RECEIVED_AT,
    lambda: "made-here",
    Limits(event_bytes=2000, batch_events=5),
)


def track(**members: object) -> dict[str, object]:
    return {"type": "track", "event": "Call", "userId": "u", "messageId": "m"} | members


def single(event: object, type_: str = "track") -> Outcome:
    return accept(type_, decode(json.dumps(event).encode()), ARRIVAL)


def batch(*events: object, **shared: object) -> Sequence[Outcome]:
    return accept_batch(decode(json.dumps({"batch": events} | shared).encode()), ARRIVAL)


def stored(outcome: Outcome) -> dict[str, object]:
    assert isinstance(outcome, Accepted), outcome
    kept: dict[str, object] = json.loads(outcome.event)
    return kept


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Refused) else "accepted"


def test_an_event_is_kept_with_what_the_relay_adds_and_without_its_write_key() -> None:
    sent = track(properties={"calls": 3}, writeKey="k", sentAt=None, _metadata={"a": 1})
    assert single(sent) == Accepted(
        "m",
        "u",
        b'{"type":"track","event":"Call","userId":"u","messageId":"m","properties":{"calls": 3},'
        b'"timestamp":"2026-03-04T05:06:07.891Z","receivedAt":"2026-03-04T05:06:07.891Z"}',
        ("usage", "limits"),
    )


def test_the_type_of_a_single_call_is_that_of_its_path() -> None:
    assert stored(single(track(type="identify"), "page"))["type"] == "page"


def test_the_anonymous_id_is_the_user_where_there_is_no_user_id() -> None:
    outcome = single(track(userId=None, anonymousId="a"))
    assert isinstance(outcome, Accepted)
    assert outcome.user == "a"


@pytest.mark.parametrize("given_id", [None, "", ...])
def test_an_event_without_a_message_id_is_given_one(given_id: object) -> None:
    sent = track(messageId=given_id)
    if given_id is ...:
        del sent["messageId"]
    assert stored(single(sent))["messageId"] == "made-here"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("12345", "12345"),
        ("-0", "0"),
        ("12.0", "12"),
        ("1e3", "1000"),
        ("-0.0", "0"),
        ("9" * 1500, "9" * 1500),
    ],
)
def test_whole_numbers_become_text_digit_by_digit(sent: str, kept: str) -> None:
    body = f'{{"event": "Call", "userId": {sent}, "messageId": 7}}'.encode()
    event = stored(accept("track", decode(body), ARRIVAL))
    assert (event["userId"], event["messageId"]) == (kept, "7")


@pytest.mark.parametrize("id_", [True, {}, [], 1.5, "", 1e-300])
def test_an_id_that_is_neither_text_nor_a_whole_number_is_refused(id_: object) -> None:
    assert code(single(track(userId=id_))) == "id_not_string"


@pytest.mark.parametrize("exponent", ["999999999", "9" * 30, "-" + "9" * 30])
def test_a_number_that_would_fill_the_memory_is_refused(exponent: str) -> None:
    body = f'{{"event": "Call", "userId": 1e{exponent}}}'.encode()
    assert code(accept("track", decode(body), ARRIVAL)) == "id_not_string"


@pytest.mark.parametrize(
    ("type_", "event", "refused"),
    [
        ("track", {"event": "e"}, "no_user_anon_id"),
        ("track", {"event": "e", "userId": None}, "no_user_anon_id"),
        ("track", {"userId": "u"}, "event_not_defined"),
        ("track", {"userId": "u", "event": ""}, "event_not_defined"),
        ("track", {"userId": "u", "event": 5}, "event_not_string"),
        ("track", {"userId": "u", "event": "e", "properties": []}, "properties_not_object"),
        ("track", {"userId": "u", "event": "e", "properties": None}, "accepted"),
        ("page", {"userId": "u", "properties": "x"}, "properties_not_object"),
        ("page", {"userId": "u", "name": ""}, "name_not_string"),
        ("page", {"userId": "u", "name": None}, "accepted"),
        ("screen", {"userId": "u", "category": 1}, "category_not_string"),
        ("identify", {"userId": "u", "traits": "x"}, "traits_not_object"),
        ("group", {"userId": "u"}, "id_required"),
        ("group", {"userId": "u", "groupId": 5}, "accepted"),
        ("group", {"userId": "u", "groupId": False}, "id_not_string"),
        ("group", {"userId": "u", "groupId": "g", "traits": 1}, "traits_not_object"),
        ("alias", {"userId": "u"}, "id_required"),
        ("alias", {"anonymousId": "a", "previousId": "p"}, "id_required"),
        ("alias", {"userId": "u", "previousId": "p"}, "accepted"),
        ("track", {"userId": "u", "event": "e", "messageId": "m" * 101}, "bad_request"),
        ("track", {"userId": "u", "event": "e", "messageId": {}}, "bad_request"),
        (
            "track",
            {"userId": "u", "event": "e", "properties": {"a": "x" * 2000}},
            "event_too_large",
        ),
    ],
)
def test_what_segment_refuses_is_refused_under_its_code(
    type_: str, event: object, refused: str
) -> None:
    assert code(single(event, type_)) == refused


def test_a_bad_event_of_a_batch_is_refused_alone() -> None:
    outcomes = batch(track(), 5, track(type="sing"), track(userId=None), track(messageId="n"))
    codes = ["accepted", "bad_request", "bad_request", "no_user_anon_id", "accepted"]
    assert [code(outcome) for outcome in outcomes] == codes


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, "empty_batch"),
        ({"batch": None}, "empty_batch"),
        ({"batch": []}, "empty_batch"),
        ({"batch": {}}, "bad_request"),
        ({"batch": [1] * 6}, "bad_request"),
    ],
)
def test_a_batch_without_events_or_with_too_many_is_refused_as_a_whole(
    body: object, refused: str
) -> None:
    outcomes = accept_batch(decode(json.dumps(body).encode()), ARRIVAL)
    assert [code(outcome) for outcome in outcomes] == [refused]


def test_a_batch_that_is_refused_as_a_whole_tells_how_many_events_it_has() -> None:
    (outcome,) = batch(*[track()] * 6)
    assert isinstance(outcome, Refused)
    assert (outcome.message, outcome.events) == (
        "batch: expected at most 5 events, got 6",
        6,
    )


def test_what_a_batch_shares_is_merged_into_each_event_whose_own_members_win() -> None:
    own = track(context={"ip": "own"}, integrations={"Kana": True})
    shared = {"ip": "shared", "library": {"name": "go"}}
    outcomes = batch(own, track(), context=shared, integrations={"Kana": False})
    kept = [stored(outcome) for outcome in outcomes]
    assert [event["context"] for event in kept] == [shared | {"ip": "own"}, shared]
    assert [event["integrations"] for event in kept] == [{"Kana": True}, {"Kana": False}]


def test_what_a_batch_shares_counts_for_the_size_of_each_event() -> None:
    outcomes = batch(track(), track(pad="x" * 1000), context={"a": "x" * 1000})
    assert [code(outcome) for outcome in outcomes] == ["accepted", "event_too_large"]


@pytest.mark.parametrize(
    ("integrations", "destinations"),
    [
        (None, ("usage", "limits")),
        ("none", ("usage", "limits")),
        ({"Segment.io": True}, ("usage", "limits")),
        ({"All": False}, ()),
        ({"All": False, "Kable": {"rate": 1}}, ("usage",)),
        ({"All": True, "Kana": False}, ("usage",)),
        ({"kana": False}, ("usage", "limits")),
    ],
)
def test_integrations_switch_destinations_off(
    integrations: object, destinations: tuple[str, ...]
) -> None:
    outcome = single(track(integrations=integrations))
    assert isinstance(outcome, Accepted)
    assert outcome.destinations == destinations


@pytest.mark.parametrize(
    ("integrations", "destinations"),
    [
        ({"All": False, "Webhooks": True}, ("usage", "limits")),
        ({"All": False, "Webhooks": {"url": 1}, "Kable": True}, ("usage", "limits")),
        ({"All": False, "Webhooks": True, "Kana": False}, ("usage",)),
        ({"All": False, "Webhooks (Actions)": True}, ("usage", "limits")),
        ({"All": False}, ("usage", "limits")),
        ({"All": False, "Kable": True}, ("usage",)),
        ({"All": False, "Webhooks": False, "Kana": True}, ("limits",)),
        ({"All": True, "Kable": False}, ("limits",)),
        ({"Kable": True}, ("usage", "limits")),
        (None, ("usage", "limits")),
    ],
)
def test_what_segment_forwards_was_meant_for_the_relay(
    integrations: object, destinations: tuple[str, ...]
) -> None:
    sent = json.dumps(track(integrations=integrations)).encode()
    [outcome] = accept_forwarded([Raw(sent)], sent, ARRIVAL, mended=False)
    assert isinstance(outcome, Accepted)
    assert outcome.destinations == destinations


def test_an_event_goes_only_where_its_type_is_accepted() -> None:
    outcome = single({"userId": "u"}, "identify")
    assert isinstance(outcome, Accepted)
    assert outcome.destinations == ("limits",)


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "kept"),
    [
        ("2022-01-09T09:32:01Z", None, "2022-01-09T09:32:01.000Z"),
        ("2022-01-09T09:32:01.5+02:00", None, "2022-01-09T07:32:01.500Z"),
        ("2022-01-09T09:32:01.123456+00:00", None, "2022-01-09T09:32:01.123Z"),
        ("2022-01-09t09:32:01z", None, "2022-01-09T09:32:01.000Z"),
        ("2022-01-09T09:32:01Z", "2022-01-09T09:32:02.000Z", "2026-03-04T05:06:06.891Z"),
        ("2022-01-09T09:32:01Z", "soon", "2022-01-09T09:32:01.000Z"),
        ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.000Z"),
        ("0001-01-01T00:00:00+14:00", None, "2026-03-04T05:06:07.891Z"),
        ("soon", "2022-01-09T09:32:02Z", "2026-03-04T05:06:07.891Z"),
        (1641720721000, None, "2026-03-04T05:06:07.891Z"),
    ],
)
def test_the_timestamp_is_freed_of_the_senders_skew_and_the_original_is_kept(
    timestamp: object, sent_at: object, kept: str
) -> None:
    event = stored(single(track(timestamp=timestamp, sentAt=sent_at)))
    assert (event["timestamp"], event["originalTimestamp"]) == (kept, timestamp)
    assert stored(batch(track(timestamp=timestamp), sentAt=sent_at)[0])["timestamp"] == kept


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"5", b"{", b'{"batch":[, ]}', b'{"a":"\xff"}', b'{"a":' + b"[" * 9999]
)
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError, match="expected"):
        decode(body)


def test_half_a_surrogate_pair_spoils_only_ids() -> None:
    halved = [track(properties={"a": "\ud83d"}), track(userId="\ud83d"), track(messageId="\udc00")]
    outcomes = batch(*halved, track(properties={"a": "\\ud83d", "b": "\U0001f600"}))
    codes = ["accepted", "id_not_string", "bad_request", "accepted"]
    assert [code(outcome) for outcome in outcomes] == codes
    assert stored(outcomes[0])["properties"] == {"a": "\ufffd"}
    assert stored(outcomes[3])["properties"] == {"a": "\\ud83d", "b": "\U0001f600"}


def test_an_event_that_nests_too_deeply_for_later_readers_is_refused_alone() -> None:
    deep: object = 0
    for _ in range(250):
        deep = [deep]
    outcomes = batch(track(properties={"a": deep}), track(properties={"a": [[]] * 250}))
    assert [code(outcome) for outcome in outcomes] == ["bad_request", "accepted"]


def test_the_sample_of_a_refused_event_shows_no_write_key() -> None:
    outcome = single({"event": "e", "writeKey": "se\\cret"})
    assert isinstance(outcome, Refused)
    assert outcome.sample == b'{"event": "e", "writeKey": "***"}'


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text(st.characters(categories=["Cs", "Lu"]), max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    *("type", "event", "userId", "anonymousId", "groupId", "previousId", "messageId", "sentAt"),
    *("timestamp", "properties", "traits", "context", "integrations", "writeKey", "name", "batch"),
)
plausible = st.sampled_from([*sorted(TYPES), "2022-01-09T09:32:01Z", "u", 5, {}, {"All": False}])
events = st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=3), plausible | json_values, max_size=12
)
bodies = st.fixed_dictionaries(
    {"batch": st.lists(events | json_values, max_size=5)},
    optional=dict.fromkeys(("context", "integrations", "sentAt", "writeKey"), json_values),
)


@given(json_values | events)
def test_acceptance_is_total(value: object) -> None:
    takes: list[Callable[..., object]] = [accept_batch]
    takes += [lambda body, arrival, t=t: accept(t, body, arrival) for t in sorted(TYPES)]
    try:
        body = decode(json.dumps(value).encode())
    except MalformedError:
        assert not isinstance(value, dict)
        return
    for take in takes:
        take(body, ARRIVAL)


@given(st.binary())
def test_any_bytes_are_decoded_or_malformed(sent: bytes) -> None:
    try:
        accept_batch(decode(sent), ARRIVAL)
    except MalformedError:
        return
    assert isinstance(json.loads(sent), dict)


@given(bodies)
def test_every_event_of_a_batch_is_accepted_or_refused_in_order(
    body: dict[str, list[object]],
) -> None:
    assume("\\ufffd" not in json.dumps(body))  # beside half a pair it is taken for another half
    outcomes = accept_batch(decode(json.dumps(body).encode()), ARRIVAL)
    alone = [
        accept_batch(decode(json.dumps(body | {"batch": [event]}).encode()), ARRIVAL)[0]
        for event in body["batch"]
    ]
    assert [code(outcome) for outcome in outcomes] == (
        [code(outcome) for outcome in alone] or ["empty_batch"]
    )


@given(bodies)
def test_what_is_stored_holds_no_write_key_and_can_be_read_by_everyone(
    body: dict[str, list[object]],
) -> None:
    for outcome in accept_batch(decode(json.dumps(body).encode()), ARRIVAL):
        if isinstance(outcome, Accepted):
            assert "writeKey" not in msgspec.json.decode(outcome.event, type=dict[str, object])


numbers = st.from_regex(
    re.compile(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?"), fullmatch=True
)


@given(numbers)
def test_numbers_are_kept_byte_for_byte(number: str) -> None:
    sent = f'{{"event": "e", "userId": "u", "properties": {{"amount": {number}}}}}'
    outcome = accept("track", decode(sent.encode()), ARRIVAL)
    assert isinstance(outcome, Accepted)
    assert f'"properties":{{"amount": {number}}}'.encode() in outcome.event


@given(numbers)
def test_a_numeric_id_is_exact_or_refused(number: str) -> None:
    sent = f'{{"event": "e", "userId": {number}}}'
    outcome = accept("track", decode(sent.encode()), ARRIVAL)
    if isinstance(outcome, Accepted):
        assert Decimal(outcome.user) == Decimal(number)
        assert re.fullmatch(r"-?\d+", outcome.user)
    else:
        assert code(outcome) == "id_not_string"
