"""What app/destinations/kana does with an event, an account and an answer."""

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
    CountsByFeature,
    Item,
    Lost,
    Next,
    NotSent,
    Period,
    Reject,
    Reply,
    Request,
    Skip,
    Transformed,
    Unmapped,
    Usage,
)
from app.destinations.kana import KANA, KanaAccount
from app.destinations.kana.calls import (
    HEADERS,
    Adopt,
    Create,
    Find,
    FindImport,
    Identity,
    Probe,
    Record,
    Sharers,
    Step,
    Update,
    body,
    request,
)
from app.destinations.kana.forwarding import Forward
from app.destinations.kana.users import ADVICE
from app.outcome import (
    Again,
    Cause,
    Delivered,
    Flag,
    Outcome,
    Rejected,
    Retryable,
    Skipped,
    Unavailable,
    Unconfirmed,
)
from app.segment import Event

ANN = Identity("u1", "Ann", "ann@example.com", "cus_1")
ID_ALONE = Identity("u1")
AS_SAID = Delivered((), ("email", "billingId", "no_billing_id"))
USAGE = Record("u1", "calls", 1)
AFTER = timedelta(seconds=7)
SEGMENT = {"mode": "segment", "segment_key": "prv_test_2"}
LACKING = "Kana answered 200 with neither its data nor an error"
NO_JSON = "Kana answered 200 with what is no JSON"
STEPS = (Probe(), Find(ANN), FindImport(ANN), Create(ANN), Update(ANN), Adopt(ANN, "a"))


def account(**settings: object) -> KanaAccount:
    return KanaAccount.model_validate({"id": "kana", "api_key": "prv_test_1", **settings})


def transformed(written: str) -> Transformed:
    return KANA.transform(Event.decode(written.encode()), account())


def tracked(properties: str) -> Transformed:
    return transformed(f'{{"type":"track","userId":"u1","properties":{properties}}}')


def identified(traits: str) -> Transformed:
    return transformed(f'{{"type":"identify","userId":"u1","traits":{traits}}}')


def sent(step: Step) -> dict[str, Any]:
    """The variables of a step's request."""
    variables: dict[str, Any] = json.loads(body(step))["variables"]
    return variables


def data(**told: object) -> Answer:
    return Answer(200, body=json.dumps({"data": told}).encode())


def beside(message: str, **told: object) -> Answer:
    return Answer(200, body=json.dumps({"errors": [{"message": message}], "data": told}).encode())


def error(message: str, code: str | None = None, name: str = "", status: int = 200) -> Answer:
    extensions = {"code": code, "exception": {"name": name}}
    content = {"errors": [{"message": message, "extensions": extensions}], "data": None}
    return Answer(status, body=json.dumps(content).encode())


def read(step: Step, reply: Reply) -> Outcome | Next:
    return KANA.read(reply, request(step))


def test_a_track_with_a_feature_is_usage_that_is_sent_once() -> None:
    assert tracked('{"featureId":"calls"}') == Item(body(USAGE), repeatable=False, step=USAGE)
    usage = {"userId": "u1", "featureId": "calls", "delta": 1, "action": "ADD"}
    assert sent(USAGE) == {"input": usage}


@pytest.mark.parametrize("properties", ["{}", '{"featureId":null}', "null", "[1]"])
def test_a_track_without_a_feature_is_unmapped(properties: str) -> None:
    assert tracked(properties) == Unmapped()


@pytest.mark.parametrize(
    ("feature", "found"),
    [
        ('""', "an empty text"),
        ("7", "a number"),
        ("true", "true"),
        ("false", "false"),
        ('["calls"]', "an array"),
        ('{"id":"calls"}', "an object"),
    ],
)
def test_a_feature_that_is_no_text_is_refused(feature: str, found: str) -> None:
    assert tracked(f'{{"featureId":{feature}}}') == Reject(
        f"properties.featureId: expected a text that is not empty; found {found}"
    )


@pytest.mark.parametrize(
    ("delta", "number"),
    [
        ("null", 1),
        ("3", 3),
        ("-3", -3),
        ("2.0", 2),
        ('"3"', 3),
        ('"-003"', -3),
        ("2147483647", 2147483647),
        ("-2147483648", -2147483648),
    ],
)
def test_a_delta_is_a_whole_number_or_a_text_of_one(delta: str, number: int) -> None:
    item = tracked(f'{{"featureId":"calls","delta":{delta}}}')
    assert isinstance(item, Item)
    assert item.step == Record("u1", "calls", number)


@pytest.mark.parametrize(
    ("delta", "found"),
    [
        ("1.5", "another number"),
        ("1e3", "another number"),
        ("2147483648", "another number"),
        ("-2147483649", "another number"),
        ("9" * 5000, "another number"),
        ('""', "another text"),
        ('"3 calls"', "another text"),
        ('"\u0663"', "another text"),
        ("true", "true"),
        ("[3]", "an array"),
        ('{"n":3}', "an object"),
    ],
)
def test_any_other_delta_is_refused_without_its_value(delta: str, found: str) -> None:
    assert tracked(f'{{"featureId":"calls","delta":{delta}}}') == Reject(
        "properties.delta: expected a whole number from -2147483648 to 2147483647, "
        f"or a text of one; found {found}"
    )


@pytest.mark.parametrize("delta", ["0", "-0", "0.0", '"0"'])
def test_a_delta_of_nothing_is_skipped(delta: str) -> None:
    skipped = Skip("a delta of 0 changes nothing")
    assert tracked(f'{{"featureId":"calls","delta":{delta}}}') == skipped


@pytest.mark.parametrize("type_", ["track", "identify"])
@pytest.mark.parametrize("user_id", ["null", '""', "7"])
def test_an_event_without_a_user_id_is_skipped(type_: str, user_id: str) -> None:
    event = f'{{"type":"{type_}","userId":{user_id},"properties":{{"featureId":"calls"}}}}'
    assert transformed(event) == Skip("Kana knows users by their userId; the event has none")


def test_other_types_of_events_are_skipped() -> None:
    assert transformed('{"type":"page","userId":"u1"}') == Skip("Kana takes track and identify")


def test_an_identify_begins_with_asking_for_the_user() -> None:
    traits = '{"name":"Ann","email":"ann@example.com","billingUserId":"cus_1","vip":true}'
    assert identified(traits) == Item(body(Find(ANN)), step=Find(ANN))
    assert sent(Find(ANN)) == {"id": "u1"}


@pytest.mark.parametrize("traits", ["{}", "null", '{"name":null,"email":"","billingId":"cus_1"}'])
def test_what_an_identify_leaves_out_clears_nothing(traits: str) -> None:
    item = identified(traits)
    assert isinstance(item, Item)
    assert item.step == Find(Identity("u1"))
    assert sent(Create(Identity("u1"))) == {"input": {"id": "u1"}}


@pytest.mark.parametrize("trait", ["name", "email", "billingUserId"])
def test_a_trait_that_is_no_text_is_refused(trait: str) -> None:
    assert identified(f'{{"{trait}":7}}') == Reject(
        f"traits.{trait}: expected a text; found a number"
    )


def test_a_call_goes_to_the_one_endpoint_with_the_bare_key() -> None:
    composed = KANA.compose([Item(body(USAGE), repeatable=False, step=USAGE)], account())
    assert composed == request(USAGE)
    assert (composed.method, composed.path) == ("POST", "/graphql")
    assert KANA.headers(account()) == {"Authorization": "prv_test_1"}
    assert KANA.base_url(account()) == "https://api.usekana.com"


def test_the_probe_lists_features() -> None:
    assert json.loads(KANA.probe(account()).body)["query"] == (
        "query listFeatures { features { id } }"
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"api_key": "prv test"}, "expected visible ASCII characters"),
        ({"api_key": None}, 'mode = "admin" needs it'),
        ({"mode": "segment"}, 'mode = "segment" needs it'),
        ({"unapplied": "segment"}, 'unapplied = "segment" needs it'),
        ({**SEGMENT, "unapplied": "segment"}, 'expected it with mode = "admin" only'),
        ({**SEGMENT, "create_users": True}, 'expected it with mode = "admin" only'),
        ({**SEGMENT, "billing_id_alias": True}, 'expected it with mode = "admin" only'),
        ({"deadline": "9s"}, "a pump's lease of 10s must outlast a call that is not repeated"),
        ({"kind": "kable"}, "Input should be 'kana'"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_without_showing_it(
    settings: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        account(**settings)
    assert fault in str(refused.value)
    assert "prv" not in str(refused.value)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (beside("Unauthenticated", recordUsage={"recorded": True}), Delivered()),
        (
            beside("User not found", recordUsage={"recorded": False}),
            Unconfirmed("Kana answered with data and an error, User not found"),
        ),
        (data(recordUsage={"recorded": True, "reason": None}), Delivered()),
        (
            data(recordUsage={"recorded": False, "reason": "Limit"}),
            Rejected("Kana did not record it: Limit"),
        ),
        (
            data(recordUsage={"recorded": False}),
            Rejected("Kana did not record it: it gave no reason"),
        ),
        (
            data(recordUsage={}),
            Unconfirmed("Kana answered without saying whether it recorded the usage"),
        ),
        (data(recordUsage=None), Unconfirmed(LACKING)),
        (data(), Unconfirmed(LACKING)),
        (Answer(200, body=b"<html>"), Unconfirmed(NO_JSON)),
        (Answer(200, body=b'{"data":' + b"[" * 60_000), Unconfirmed(NO_JSON)),
        (Answer(200), Unconfirmed("Kana answered 200 with an empty body")),
        (Answer(408), Unconfirmed("Kana answered 408")),
        (Answer(500), Unconfirmed("Kana answered 500")),
        (Answer(503, retry_after=AFTER), Unconfirmed("Kana answered 503")),
        (Lost("reset"), Unconfirmed("reset")),
        (error("Oops", "INTERNAL_SERVER_ERROR"), Unconfirmed("Kana answered 200, Oops")),
        (error("Oops", "TEAPOT"), Unconfirmed("Kana answered 200, Oops")),
        (Answer(200, body=b'{"errors":"oops"}'), Unconfirmed("Kana answered 200")),
        (
            error("Oops", "INTERNAL_SERVER_ERROR", status=400),
            Unconfirmed("Kana answered 400, Oops"),
        ),
        (
            error("x" * 999, "BAD_USER_INPUT"),
            Rejected("Kana answered 200, " + "x" * 300),
        ),
        (
            error("User not found", "INTERNAL_SERVER_ERROR", "UserNotFoundError"),
            Unconfirmed("Kana answered 200, User not found"),
        ),
        (
            error("User not found", "BAD_USER_INPUT", "FeatureNotFoundError"),
            Rejected("Kana answered 200, User not found"),
        ),
    ],
)
def test_usage_is_repeated_by_nobody_where_its_fate_is_unknown(
    reply: Reply, outcome: Outcome
) -> None:
    assert read(USAGE, reply) == outcome


@pytest.mark.parametrize("step", [USAGE, replace(USAGE, create_user=True)])
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("User not found", "BAD_USER_INPUT"),
        ("User not found", "NOT_FOUND"),
        ("No", "GRAPHQL_PARSE_FAILED"),
        ("Unauthenticated", None),
        ("No", "FORBIDDEN"),
    ],
)
def test_usage_that_broke_at_kana_is_unconfirmed_whatever_the_error_says(
    step: Record, status: int, message: str, code: str | None
) -> None:
    why = f"Kana answered {status}, {message}"
    assert read(step, error(message, code, status=status)) == Unconfirmed(why)


@pytest.mark.parametrize(
    ("recorded", "outcome"),
    [
        (True, Delivered()),
        (False, Unconfirmed("Kana answered with data and the status 500")),
        (None, Unconfirmed("Kana answered with data and the status 500")),
    ],
)
def test_of_an_answer_that_broke_only_what_was_recorded_is_believed(
    recorded: bool | None, outcome: Outcome
) -> None:
    told = data(recordUsage={"recorded": recorded})
    assert read(USAGE, replace(told, status=500)) == outcome


@pytest.mark.parametrize("step", [USAGE, *STEPS])
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (error("Unauthenticated: no"), "Kana answered 200, Unauthenticated: no: look at api_key"),
        (error("No", "FORBIDDEN"), "Kana answered 200, No: look at api_key"),
        (error("No", name="AuthenticationError"), "Kana answered 200, No: look at api_key"),
        (error("No", "BAD_USER_INPUT", status=401), "Kana answered 401, No: look at api_key"),
        (Answer(403), "Kana answered 403: look at api_key"),
        (Answer(302), "Kana answered 302, which is not GraphQL: look at base_url"),
        (Answer(404), "Kana answered 404, which is not GraphQL: look at base_url"),
        (Answer(405), "Kana answered 405, which is not GraphQL: look at base_url"),
        (Answer(410), "Kana answered 410, which is not GraphQL: look at base_url"),
        (NotSent("refused"), "refused"),
    ],
)
def test_what_is_not_the_events_fault_holds_the_destination(
    step: Step, reply: Reply, why: str
) -> None:
    cause: Cause = "credentials" if "api_key" in why else "down"
    assert read(step, reply) == Unavailable(why, cause=cause)


@pytest.mark.parametrize("step", [USAGE, *STEPS])
def test_a_limit_of_its_rate_is_waited_out_whatever_the_body_says(step: Step) -> None:
    slow = error("Slow down", "TOO_MANY_REQUESTS", status=429)
    reply = Answer(429, body=slow.body, retry_after=AFTER)
    assert read(step, reply) == Unavailable("Kana answered 429, Slow down", AFTER, "throttled")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Lost("reset"), Retryable("reset")),
        (Answer(500, retry_after=AFTER), Retryable("Kana answered 500", AFTER)),
        (Answer(502), Unavailable("Kana answered 502")),
        (
            error("Busy", "SERVICE_UNAVAILABLE", status=503),
            Unavailable("Kana answered 503, Busy"),
        ),
        (Answer(408), Retryable("Kana answered 408")),
        (Answer(200, body=b"<html>"), Retryable(NO_JSON)),
        (error("Oops", "INTERNAL_SERVER_ERROR"), Retryable("Kana answered 200, Oops")),
    ],
)
def test_every_other_call_is_tried_again(step: Step, reply: Reply, outcome: Outcome) -> None:
    assert read(step, reply) == outcome


@pytest.mark.parametrize("step", [USAGE, Find(ANN), Update(ANN)])
@pytest.mark.parametrize("code", ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "TEAPOT"])
def test_what_kana_refuses_is_rejected_with_its_message(step: Step, code: str) -> None:
    assert read(step, error("No", code, status=400)) == Rejected("Kana answered 400, No")
    assert read(step, Answer(422)) == Rejected("Kana answered 422")


KNOWN = {"id": "u1", "name": "Ann", "email": "ann@example.com", "billingId": "cus_1"}


def test_a_user_that_is_not_there_is_created_with_what_is_known() -> None:
    missing = error("User not found", "BAD_USER_INPUT")
    for reply in (missing, data(user=None)):
        assert read(Find(ANN), reply) == Next(request(FindImport(ANN)))
        assert read(FindImport(ANN), reply) == Next(request(Create(ANN)))
        assert read(Find(ID_ALONE), reply) == Next(request(Create(ID_ALONE)))
    assert sent(FindImport(ANN)) == {"id": "ann@example.com"}
    assert sent(Create(ANN)) == {"input": KNOWN}
    assert read(Create(ANN), data(createUser=KNOWN)) == AS_SAID


IMPORT = {"id": "ann@example.com", "email": "ann@example.com", "billingId": "cus_1"}


def test_an_import_that_is_alone_with_its_email_becomes_the_user() -> None:
    assert read(FindImport(ANN), data(user=IMPORT)) == Next(request(Sharers(ANN)))
    adopt = Adopt(ANN, "ann@example.com")
    assert read(Sharers(ANN), data(users=[IMPORT, {"id": "u2"}])) == Next(request(adopt))
    assert sent(adopt) == {"id": "ann@example.com", "input": {"id": "u1", "name": "Ann"}}
    assert read(adopt, data(updateUser=KNOWN)) == AS_SAID


@pytest.mark.parametrize(
    "change", [{"billingId": None}, {"billingId": "cus_2"}, {"id": "x@example.com"}]
)
def test_another_user_of_the_email_stays_who_it_is(change: dict[str, object]) -> None:
    created = Next(request(Create(ANN, shared=True)))
    assert read(FindImport(ANN), data(user={**IMPORT, **change})) == created
    assert read(Sharers(ANN), data(users=[{**IMPORT, **change}])) == created


@pytest.mark.parametrize(
    "reply",
    [
        data(users=[IMPORT, {**IMPORT, "id": "u2"}]),
        data(users=[]),
        Answer(200, body=b'{"data":{"users":[' + b"{" * 100),
        error("Too many", "BAD_USER_INPUT"),
    ],
)
def test_an_import_that_may_not_be_alone_stays_and_the_email_is_flagged(reply: Reply) -> None:
    assert read(Sharers(ANN), reply) == Next(request(Create(ANN, shared=True)))
    shared = Flag(
        "shared_email",
        "Other users have the email ann@example.com too.",
        ADVICE["shared_email"],
        shown_there=True,
    )
    expected = Delivered((shared,), AS_SAID.lifted)
    assert read(Create(ANN, shared=True), data(createUser=KNOWN)) == expected


def test_an_import_that_cannot_be_renamed_stays() -> None:
    adopt = Adopt(ANN, "ann@example.com")
    for refused in (error("Taken", "BAD_USER_INPUT"), error("User not found")):
        assert read(adopt, refused) == Next(request(Create(ANN, shared=True)))


def test_a_user_that_is_as_said_needs_nothing_more() -> None:
    assert read(Find(ANN), data(user=KNOWN)) == AS_SAID
    assert read(Find(ID_ALONE), data(user=KNOWN)) == Delivered((), ("no_billing_id",))


def test_a_name_that_differs_is_changed_and_the_id_kept() -> None:
    assert read(Find(ANN), data(user={**KNOWN, "name": "An"})) == Next(request(Update(ANN)))
    assert sent(Update(ANN)) == {"id": "u1", "input": {"id": "u1", "name": "Ann"}}
    assert read(Update(ANN), data(updateUser=KNOWN)) == AS_SAID


@pytest.mark.parametrize("step", [Find(ANN), Update(ANN)])
def test_what_the_api_cannot_change_is_flagged(step: Find | Update) -> None:
    user = {**KNOWN, "email": "old@example.com", "billingId": None}
    why = "Kana's Admin API has no call that changes a user's "
    assert read(step, data(**{step.operation: user})) == Delivered(
        (
            Flag("email", f"{why}email.", ADVICE["email"], ANN.email, "old@example.com"),
            Flag("billingId", f"{why}billingId.", ADVICE["billingId"], "cus_1"),
        )
    )


def test_a_user_without_a_billing_id_is_flagged_as_kana_shows_it() -> None:
    why = "The user has no billingId, so Kana cannot bill it."
    flag = Flag("no_billing_id", why, ADVICE["no_billing_id"], shown_there=True)
    assert read(Create(ID_ALONE), data(createUser={"id": "u1"})) == Delivered((flag,))


def test_what_the_api_cannot_change_goes_to_segments_endpoint_where_that_is_set() -> None:
    settings = {"unapplied": "segment", "segment_key": "prv_test_2"}
    traits = b'{"name":"A","email":"ann@example.com"}'
    written = b'{ "type": "identify","userId":"u1","traits":%s}' % traits
    item = KANA.transform(Event.decode(written), account(**settings))
    assert isinstance(item, Item)
    step = Forward(repeatable=True)
    forwarded = Next(Request("/segment/events", written, "POST", HEADERS, step, "segment"))
    asked = KANA.compose([item], account(**settings))
    assert KANA.read(data(user=None), asked) == forwarded
    assert KANA.read(data(user={"id": "u1", "email": "old@example.com"}), asked) == forwarded
    user = {"id": "u1", "name": "A", "email": "ann@example.com", "billingId": "cus_1"}
    assert KANA.read(data(user=user), asked) == Delivered((), ("email", "no_billing_id"))


def test_an_alias_of_the_billing_id_is_read_where_that_is_set() -> None:
    def billing_id(traits: str, **settings: object) -> str | None:
        event = f'{{"type":"identify","userId":"u1","traits":{traits}}}'.encode()
        item = KANA.transform(Event.decode(event), account(**settings))
        assert isinstance(item, Item)
        assert isinstance(item.step, Find)
        return item.step.identity.billing_id

    assert billing_id('{"billingId":"cus_2"}') is None
    assert billing_id('{"billingId":"cus_2"}', billing_id_alias=True) == "cus_2"
    both = '{"billingId":"cus_2","billingUserId":"cus_1"}'
    assert billing_id(both, billing_id_alias=True) == "cus_1"


ENSURED = Record("u1", "calls", 1, create_user=True)
FOR_USAGE = Create(Identity("u1"), for_usage=True)


def test_usage_of_a_user_whom_kana_does_not_know_creates_it_where_that_is_set() -> None:
    item = tracked('{"featureId":"calls"}')
    assert isinstance(item, Item)
    assert KANA.compose([item], account(create_users=True)).step == ENSURED
    unknown = error("User not found", "BAD_USER_INPUT", "UserNotFoundError")
    for missing in (unknown, error("User 'u1' not found", "BAD_USER_INPUT")):
        assert read(ENSURED, missing) == Next(request(FOR_USAGE))
    assert read(USAGE, unknown) == Rejected("Kana answered 200, User not found")
    again = Again("Kana did not know the user, who was created")
    assert read(FOR_USAGE, data(createUser={"id": "u1"})) == again
    assert read(Find(Identity("u1"), "Taken", for_usage=True), data(user={"id": "u1"})) == again


def test_usage_that_waits_for_its_user_was_not_recorded() -> None:
    for step in (FOR_USAGE, Find(Identity("u1"), "Taken", for_usage=True)):
        assert read(step, Lost("reset")) == Retryable("reset", undone=True)
    taken = error("Taken", "BAD_USER_INPUT")
    asked = Find(Identity("u1"), "Kana answered 200, Taken", for_usage=True)
    assert read(FOR_USAGE, taken) == Next(request(asked))
    assert read(asked, data(user=None)) == Rejected("Kana answered 200, Taken")


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Feature not found", ""),
        ("Subscription not found for user", "UserInputError"),
        ("User not found", "FeatureNotFoundError"),
        ("Not found", ""),
    ],
)
def test_usage_of_anything_else_that_kana_does_not_know_creates_nobody(
    message: str, name: str
) -> None:
    unknown = error(message, "BAD_USER_INPUT", name)
    assert read(ENSURED, unknown) == Rejected(f"Kana answered 200, {message}")


def test_a_user_that_cannot_be_created_may_have_been_created_by_another() -> None:
    taken = error("Taken", "BAD_USER_INPUT")
    again = Find(ANN, refused="Kana answered 200, Taken")
    assert read(Create(ANN), taken) == Next(request(again))
    assert read(again, data(user={**KNOWN, "name": "An"})) == Next(request(Update(ANN)))
    missing = error("User not found", "BAD_USER_INPUT")
    assert read(again, missing) == Rejected("Kana answered 200, Taken")


def counted(body: object, status: int = 200) -> Counted | CountFailed:
    assert isinstance(KANA.counts, CountsByFeature)
    return KANA.counts.told(Answer(status, body=json.dumps(body).encode()))


def shown(start: str, end: str, used: object) -> dict[str, object]:
    return {"periodStart": start, "periodEnd": end, "consumption": {"used": used}}


def test_a_count_is_asked_for_one_user_and_feature() -> None:
    assert isinstance(KANA.counts, CountsByFeature)
    question = KANA.counts.ask("u1", "calls", account())
    assert isinstance(question, Request)
    asked = json.loads(question.body)
    assert asked["variables"] == {"userId": "u1", "featureId": "calls"}
    assert asked["query"].startswith("query showUsage($userId: String!, $featureId: String!)")


def test_a_count_is_read_by_period_in_the_order_of_time() -> None:
    current = shown("2022-02-01T00:00:00.000Z", "2022-03-01T00:00:00.000Z", 7)
    past = [shown("2022-01-01T00:00:00.000Z", "2022-02-01T00:00:00.000Z", -2)]
    january, february, march = (datetime(2022, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    both = (Period(january, february, -2), Period(february, march, 7))
    usage = {"current": current, "past": past}
    assert counted({"data": {"showUsage": usage}}) == Counted(both)
    assert counted({"data": {"showUsage": {"current": None, "past": None}}}) == Counted(())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"errors": [{"message": "User not found"}], "data": None}, ", User not found"),
        ({"errors": [{"message": "Unauthenticated"}]}, "Unauthenticated: look at api_key"),
        ({"errors": [{}], "data": {"showUsage": {"current": None}}}, ", no usage"),
        ({"errors": "no"}, "shows no usage"),
        ({"data": {"showUsage": None}}, ", no usage"),
        ({"data": {"showUsage": {"current": shown("soon", "later", 1)}}}, "ISO 8601"),
        ({"data": {"showUsage": {"current": shown("2022-01-01", "2022-02-01", "1")}}}, "no usage"),
        ("text", "shows no usage"),
    ],
)
def test_an_answer_that_is_no_count_says_why(body: object, why: str) -> None:
    failed = counted(body)
    assert isinstance(failed, CountFailed)
    assert not failed.away
    assert why in failed.why


@pytest.mark.parametrize(
    ("event", "usage"),
    [
        ('{"type":"track","userId":"u1","properties":{"featureId":"f"}}', Usage("u1", "f", 1)),
        (
            '{"type":"track","userId":"u1","properties":{"featureId":"f","delta":"-3"}}',
            Usage("u1", "f", -3),
        ),
        ('{"type":"track","userId":"u1","properties":{}}', None),
        ('{"type":"track","properties":{"featureId":"f"}}', None),
        ('{"type":"identify","userId":"u1","traits":{"name":"Ann"}}', None),
    ],
)
def test_a_track_event_stands_for_the_usage_that_it_adds(event: str, usage: Usage | None) -> None:
    assert isinstance(KANA.counts, CountsByFeature)
    assert KANA.counts.used(Event.decode(event.encode()), account()) == usage


def forwarded(event: str) -> Request:
    """The request that an event becomes where Kana reads it."""
    kana = KanaAccount.model_validate({"id": "kana", **SEGMENT})
    item = KANA.transform(Event.decode(event.encode()), kana)
    assert isinstance(item, Item)
    assert item.repeatable == getattr(item.step, "repeatable", None)
    return KANA.compose([item], kana)


TRACK = '{"type":"track", "userId":"u1" ,"event":"Call","properties":{"delta":1.50}}'
IDENTIFY = '{"type":"identify","userId":"u1","traits":{"plan":"x"}}'
ANONYMOUS = '{"type":"track","anonymousId":"a1","event":"Call"}'


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (TRACK, Forward(repeatable=False)),
        (IDENTIFY, Forward(repeatable=True)),
        (ANONYMOUS, Forward(repeatable=True, anonymous=True)),
    ],
)
def test_where_kana_reads_the_events_they_leave_byte_for_byte(event: str, step: Forward) -> None:
    assert forwarded(event) == Request("/segment/events", event.encode(), "POST", HEADERS, step)


def test_where_kana_reads_the_events_they_go_to_its_endpoint_with_its_own_key() -> None:
    kana = KanaAccount.model_validate({"id": "kana", **SEGMENT})
    assert KANA.base_url(kana) == "https://bletchley.onrender.com"
    assert KANA.headers(kana) == {"Authorization": "prv_test_2"}
    assert KANA.transform(Event.decode(b'{"type":"page"}'), kana) == Skip(
        "Kana takes track and identify"
    )


SAID = "Kana's endpoint for Segment answered "


@pytest.mark.parametrize(
    ("event", "reply", "outcome"),
    [
        (TRACK, Answer(200), Delivered()),
        (TRACK, Answer(202, body=b"queued"), Delivered()),
        (ANONYMOUS, Answer(400, body=b'{"message":"no user"}'), Skipped(f"{SAID}400, no user")),
        (TRACK, Answer(400), Rejected(f"{SAID}400")),
        (ANONYMOUS, Answer(422), Rejected(f"{SAID}422")),
        (TRACK, Answer(413, body=b'{"message":7}'), Rejected(f"{SAID}413")),
        (
            IDENTIFY,
            Answer(401),
            Unavailable(f"{SAID}401: look at segment_key", cause="credentials"),
        ),
        (TRACK, Answer(403), Unavailable(f"{SAID}403: look at segment_key", cause="credentials")),
        (TRACK, Answer(429, retry_after=AFTER), Unavailable(f"{SAID}429", AFTER, "throttled")),
        (TRACK, Answer(404), Unavailable(f"{SAID}404, so it is not there: look at base_url")),
        (TRACK, NotSent("refused"), Unavailable("refused")),
        (TRACK, Lost("reset"), Unconfirmed("reset")),
        (TRACK, Answer(500), Unconfirmed(f"{SAID}500")),
        (TRACK, Answer(503, retry_after=AFTER), Unconfirmed(f"{SAID}503")),
        (TRACK, Answer(408), Unconfirmed(f"{SAID}408")),
        (IDENTIFY, Lost("reset"), Retryable("reset")),
        (IDENTIFY, Answer(500, retry_after=AFTER), Retryable(f"{SAID}500", AFTER)),
        (IDENTIFY, Answer(503, retry_after=AFTER), Unavailable(f"{SAID}503", AFTER)),
        (ANONYMOUS, Lost("reset"), Retryable("reset")),
    ],
)
def test_an_answer_of_its_endpoint_is_read_by_its_status(
    event: str, reply: Reply, outcome: Outcome
) -> None:
    assert KANA.read(reply, forwarded(event)) == outcome


@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (400, True), (401, False), (500, False)]
)
def test_its_probe_is_an_event_that_kana_drops(status: int, good: bool) -> None:
    probe = KANA.probe(KanaAccount.model_validate({"id": "kana", **SEGMENT}))
    assert json.loads(probe.body).keys() == {"type", "anonymousId", "traits"}
    assert isinstance(KANA.read(Answer(status), probe), Delivered) is good


def test_both_apis_are_probed_where_both_are_used() -> None:
    both = account(unapplied="segment", segment_key="prv_test_2")
    assert [(one.path, one.endpoint) for one in (KANA.probe(both), *KANA.probes(both))] == [
        ("/graphql", ""),
        ("/segment/events", "segment"),
    ]
    assert list(KANA.probes(account())) == []
    assert {name: dict(one.headers) for name, one in KANA.endpoints(both).items()} == {
        "admin": {"Authorization": "prv_test_1"},
        "segment": {"Authorization": "prv_test_2"},
    }


def test_where_kana_reads_the_events_its_count_needs_the_admin_apis_key() -> None:
    assert isinstance(KANA.counts, CountsByFeature)
    kana = KanaAccount.model_validate({"id": "kana", **SEGMENT})
    failed = KANA.counts.ask("u1", "calls", kana)
    assert failed == CountFailed("only the Admin API tells it: set destinations.kana.api_key")
    with_key = KanaAccount.model_validate({"id": "kana", **SEGMENT, "api_key": "prv_test_1"})
    assert isinstance(KANA.counts.ask("u1", "calls", with_key), Request)
