"""What every destination keeps to, whatever its kind."""

import json
import re
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from app.destination import (
    Answer,
    Counted,
    CountFailed,
    CountsByDay,
    CountsByFeature,
    Item,
    Lost,
    NotSent,
    Reject,
    Reply,
    Request,
    Skip,
    Span,
    Usage,
)
from app.destinations import ACCOUNTS, KINDS
from app.log import LEASE_MS
from app.outcome import Delivered, Hold, Outcome, Retryable, Unavailable, decide
from app.segment import Event
from app.settings import DestinationSettings, RetrySettings
from tests.destinations.conftest import Subject
from tests.destinations.samples import ID, SAMPLES, account_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
ENVELOPE = ["type", "event", "userId", "anonymousId", "messageId", "timestamp", "context"]
CONTENT = ["properties", "traits", "originalTimestamp", "groupId", "previousId", "integrations"]
FIELDS = st.dictionaries(
    st.sampled_from(ENVELOPE + CONTENT) | st.text(max_size=5), JSON, max_size=4
)
BODIES = st.binary() | JSON.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["x-request-id", "content-type"]), st.text())
REPLIES = (
    st.builds(
        Answer,
        status=st.integers(100, 599),
        headers=HEADERS,
        body=BODIES,
        retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(hours=1)),
    )
    | st.builds(NotSent, st.text())
    | st.builds(Lost, st.text())
)
SPAN = Span(datetime(2022, 1, 9, tzinfo=UTC), datetime(2022, 1, 11, tzinfo=UTC))
TYPES = {"track", "identify", "page", "screen", "group", "alias"}


def item_of(subject: Subject, event: bytes | None = None) -> Item:
    item = subject.kind.transform(Event.decode(event or subject.sample.event), subject.account)
    assert isinstance(item, Item)
    return item


def asked(subject: Subject) -> Request:
    return subject.kind.compose([item_of(subject)], subject.account)


def question(subject: Subject) -> Request | None:
    """How it is asked what it counted; None when it cannot say, or not with these settings."""
    match subject.kind.counts:
        case CountsByDay() as counts:
            request = counts.ask(SPAN, subject.account)
        case CountsByFeature() as counts:
            request = counts.ask("u1", "calls", subject.account)
        case None:
            return None
    return request if isinstance(request, Request) else None


def secrets_of(account: DestinationSettings) -> list[str]:
    values = [getattr(account, name) for name in type(account).model_fields]
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def test_a_kind_is_known_by_its_own_name() -> None:
    assert {name: kind.kind for name, kind in KINDS.items()} == {name: name for name in KINDS}
    assert {name: kind.account for name, kind in KINDS.items()} == ACCOUNTS


def test_every_kind_has_a_sample() -> None:
    assert {sample.settings["kind"] for sample in SAMPLES.values()} == set(KINDS)


def test_a_kind_accepts_types_that_segment_has(subject: Subject) -> None:
    assert subject.kind.accepts
    assert subject.kind.accepts <= TYPES


@settings(deadline=None)
@given(known=st.booleans(), fields=FIELDS)
def test_any_json_object_becomes_an_item_or_a_reason(
    subject: Subject,
    known: bool,
    fields: dict[str, Any],
) -> None:
    event = json.loads(subject.sample.event) if known else {}
    written = json.dumps(event | fields).encode()
    first, second = (
        subject.kind.transform(Event.decode(written), subject.account) for _ in range(2)
    )
    assert first == second
    match first:
        case Item(body, repeatable):
            assert body == b"" or json.loads(body) is not None
            assert repeatable or not subject.kind.repeatable
        case Skip(why) | Reject(why):
            assert why


def test_an_item_is_made_from_the_event_and_the_account_alone(subject: Subject) -> None:
    event = Event.decode(subject.sample.event)
    before = dict(event.fields)
    assert subject.kind.transform(event, subject.account) == item_of(subject)
    assert event.fields == before


def test_what_may_be_repeated_carries_the_message_id_unchanged(subject: Subject) -> None:
    item = item_of(subject)
    assert f'"{ID}"'.encode() in item.body or not item.repeatable


def test_what_must_not_be_repeated_ends_within_a_lease_and_knows_of_stores_that_forget(
    subject: Subject,
) -> None:
    if not subject.kind.repeatable:
        assert "accept_everysec" in type(subject.account).model_fields
        assert subject.account.deadline <= timedelta(milliseconds=LEASE_MS - 2_000)
        with pytest.raises(ValidationError):
            account_of(subject.kind.account, subject.sample, deadline="9s")


def test_numbers_leave_as_the_digits_that_came(subject: Subject) -> None:
    def numbers(body: bytes) -> set[str]:
        found: set[str] = set()
        json.loads(body, parse_float=found.add, parse_int=found.add)
        return found

    assert numbers(subject.sample.event) <= numbers(item_of(subject).body)


def test_no_secret_stands_in_what_is_recorded(subject: Subject) -> None:
    requests = [
        subject.kind.compose([item_of(subject)], subject.account),
        subject.kind.probe(subject.account),
    ]
    assert secrets_of(subject.account)
    for secret in secrets_of(subject.account):
        assert secret not in repr((requests, subject.account))


def test_the_credentials_are_headers_that_http_can_carry(subject: Subject) -> None:
    headers = subject.kind.headers(subject.account)
    assert set(secrets_of(subject.account)) <= set(" ".join(headers.values()).split())
    for name, value in headers.items():
        assert re.fullmatch(r"[A-Za-z0-9-]+: [ -~]+", f"{name}: {value}")


@settings(deadline=None)
@given(reply=REPLIES)
def test_every_reply_has_a_meaning(subject: Subject, reply: Reply) -> None:
    outcome = subject.kind.read(reply, asked(subject))
    assert isinstance(outcome, Outcome)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"\xff", b'{"message":"no"}', b'{"data":{}}']
)
def test_every_status_has_a_meaning_and_only_a_success_is_delivered(
    subject: Subject, body: bytes
) -> None:
    request = asked(subject)
    outcomes = {s: subject.kind.read(Answer(s, body=body), request) for s in range(100, 600)}
    delivered = {status for status in outcomes if isinstance(outcomes[status], Delivered)}
    assert delivered <= subject.sample.delivered
    assert all(isinstance(outcome, Outcome) for outcome in outcomes.values())


@pytest.mark.parametrize(
    "reply",
    [
        Answer(401),
        Answer(403),
        Answer(429),
        NotSent("ConnectionRefusedError: [Errno 111] Connection refused"),
    ],
)
def test_what_is_not_the_events_fault_spends_no_attempt_and_buries_nothing(
    subject: Subject, reply: Reply
) -> None:
    verdict = decide(
        subject.kind.read(reply, asked(subject)),
        attempt=10_000,
        first_at=0,
        now=10**15,
        policy=RetrySettings(),
        random=Random(0),
    )
    assert isinstance(verdict, Hold)
    assert verdict.why


def test_the_wait_that_a_destination_asks_for_is_passed_on(subject: Subject) -> None:
    after = timedelta(seconds=7)
    outcome = subject.kind.read(Answer(429, retry_after=after), asked(subject))
    assert isinstance(outcome, Retryable | Unavailable)
    assert outcome.after == after


def test_a_request_takes_as_many_items_as_the_batch_says(subject: Subject) -> None:
    items = [item_of(subject)] * subject.kind.batch.items_max
    request = subject.kind.compose(items, subject.account)
    assert request.path.startswith("/")
    assert request.body.count(items[0].body) >= len(items)
    assert json.loads(request.body)


def test_the_probe_records_nothing(subject: Subject) -> None:
    probe = subject.kind.probe(subject.account)
    composed = subject.kind.compose([item_of(subject)], subject.account)
    assert (probe.path, probe.body) != (composed.path, composed.body)
    assert ID.encode() not in probe.body


def test_the_address_can_be_overridden(subject: Subject) -> None:
    account = account_of(subject.kind.account, subject.sample, base_url="http://127.0.0.1:1/x")
    assert subject.kind.base_url(account) == "http://127.0.0.1:1/x"


def test_the_question_for_its_count_records_nothing_and_has_no_secret(subject: Subject) -> None:
    request, composed = question(subject), asked(subject)
    if request is not None:
        assert request.path.startswith("/")
        assert json.loads(request.body)
        assert (request.path, request.body) != (composed.path, composed.body)
        assert b"mutation" not in request.body
        assert not [secret for secret in secrets_of(subject.account) if secret in repr(request)]


@settings(deadline=None)
@given(reply=REPLIES)
def test_every_answer_about_its_count_is_a_count_or_says_why_not(
    subject: Subject, reply: Reply
) -> None:
    if subject.kind.counts is not None:
        told = subject.kind.counts.told(reply)
        assert isinstance(told, Counted | CountFailed)
        assert isinstance(reply, Answer) or told == CountFailed(reply.error, away=True)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"data":{}}'])
def test_an_answer_without_a_count_is_not_taken_for_one(subject: Subject, body: bytes) -> None:
    if subject.kind.counts is not None:
        for status in range(100, 600):
            told = subject.kind.counts.told(Answer(status, body=body))
            assert isinstance(told, CountFailed)
            assert str(status) in told.why


def test_the_usage_of_an_event_is_that_of_its_item(subject: Subject) -> None:
    if isinstance(subject.kind.counts, CountsByFeature):
        usage = subject.kind.counts.used(Event.decode(subject.sample.event), subject.account)
        assert isinstance(usage, Usage)
        body = item_of(subject).body
        assert all(json.dumps(value).encode() in body for value in (usage.user, usage.feature))
        assert str(usage.delta).encode() in body


@settings(deadline=None)
@given(fields=FIELDS)
def test_any_event_stands_for_a_usage_or_for_none(
    subject: Subject, fields: dict[str, Any]
) -> None:
    if isinstance(subject.kind.counts, CountsByFeature):
        written = Event.decode(json.dumps(json.loads(subject.sample.event) | fields).encode())
        usage = subject.kind.counts.used(written, subject.account)
        item = subject.kind.transform(written, subject.account)
        assert usage is None or (isinstance(item, Item) and not item.repeatable)
