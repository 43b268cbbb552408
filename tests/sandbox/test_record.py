"""What the sandbox keeps of the requests that it gets."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from app.sandbox.exchange import Answer, Request
from app.sandbox.record import Record

CREATE = "/api/v1/events/create"
AUTHENTICATE = "/api/v1/authenticate"
AT = datetime(2026, 1, 9, 9, 32, 1, tzinfo=UTC)


def request(path: str = "/", body: bytes = b"") -> Request:
    return Request(AT, "POST", path, {}, body, len(body))


def paths(record: Record, limit: int | None = None) -> list[str]:
    return [each.request.path for each in record.newest(limit)]


def test_a_request_is_kept_as_it_came_with_its_status(kable: requests.Session) -> None:
    kable.post(CREATE, data='[ {"price" : 1.10} ]', headers={"X-Note": "one"})
    (kept,) = kable.get("/_received").json()["requests"]
    assert (kept["method"], kept["path"], kept["body"], kept["status"]) == (
        "POST",
        "/kable/api/v1/events/create",
        '[ {"price" : 1.10} ]',
        400,
    )
    assert kept["headers"]["x-note"] == "one"
    assert list(kept) == ["at", "method", "path", "headers", "body", "status"]


def test_the_time_is_utc_in_iso_8601(kable: requests.Session) -> None:
    before = datetime.now(UTC)
    kable.post(AUTHENTICATE)
    (kept,) = kable.get("/_received").json()["requests"]
    assert kept["at"].endswith("Z")
    assert before <= datetime.fromisoformat(kept["at"]) <= before + timedelta(minutes=1)


def test_secrets_are_masked(kable: requests.Session) -> None:
    secrets = {"X-API-KEY": "sk_live.hidden", "Authorization": "Bearer hidden", "X-Open": "shown"}
    kable.post(AUTHENTICATE, headers=secrets)
    answer = kable.get("/_received")
    headers = answer.json()["requests"][0]["headers"]
    assert [headers[name] for name in ("kable-client-secret", "x-api-key", "authorization")] == [
        "sk_test***",
        "sk_live***",
        "Bearer***",
    ]
    assert headers["x-open"] == "shown"
    assert "hidden" not in answer.text


def test_a_short_secret_is_not_shown_whole(kable: requests.Session) -> None:
    kable.post(AUTHENTICATE, headers={"X-API-KEY": "abcd"})
    assert kable.get("/_received").json()["requests"][0]["headers"]["x-api-key"] == "ab***"


def test_the_newest_are_shown_oldest_first(kable: requests.Session) -> None:
    for number in range(4):
        kable.post(f"/api/{number}")
    shown = kable.get("/_received?limit=2").json()["requests"]
    assert [each["path"] for each in shown] == ["/kable/api/2", "/kable/api/3"]


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "", "9999999999"])
def test_a_limit_that_is_none_is_refused(kable: requests.Session, limit: str) -> None:
    answer = kable.get(f"/_received?limit={limit}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "limit")


def test_an_emptied_record_holds_nothing(kable: requests.Session) -> None:
    kable.post(AUTHENTICATE)
    kable.delete("/_received").raise_for_status()
    assert kable.get("/_received").json() == {"requests": []}


def test_the_sandbox_does_not_record_its_own_commands(kable: requests.Session) -> None:
    kable.get("/_usage")
    assert kable.get("/_received").json() == {"requests": []}


def test_bytes_that_are_no_text_are_shown_as_such(kable: requests.Session) -> None:
    kable.post(CREATE, data=b"\xff[")
    assert kable.get("/_received").json()["requests"][0]["body"] == "\ufffd["


def test_only_the_start_of_a_body_that_is_too_large_is_kept(kable: requests.Session) -> None:
    assert kable.post(CREATE, data=b"x" * 3_000_000).status_code == 413
    assert kable.get("/_received").json()["requests"][0]["body"] == "x" * 1024 * 1024


def test_the_newest_ten_thousand_requests_are_kept() -> None:
    record = Record()
    for number in range(10_003):
        record.arrived(request(str(number)))
    assert (len(paths(record)), paths(record)[0], paths(record, 1)) == (10_000, "3", ["10002"])
    assert record.requests == 10_003


def test_the_newest_64_megabytes_of_bodies_are_kept() -> None:
    record = Record()
    for number in range(70):
        record.arrived(request(str(number), b"x" * 1_000_000))
    assert paths(record) == [str(number) for number in range(6, 70)]


def test_room_is_counted_anew_when_the_record_was_emptied() -> None:
    record = Record(max_body_bytes=10)
    record.arrived(request("old", b"x" * 10))
    record.clear()
    record.arrived(request("new", b"x" * 10))
    assert paths(record) == ["new"]


def test_the_answer_to_a_request_that_was_forgotten_is_forgotten_too() -> None:
    record = Record(max_requests=1)
    forgotten = record.arrived(request("old"))
    record.arrived(request("new"))
    record.answered(forgotten, Answer(200))
    assert [(each.request.path, each.status) for each in record.newest()] == [("new", None)]
