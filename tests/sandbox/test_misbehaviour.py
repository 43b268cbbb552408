"""What the sandbox does when it is told to misbehave."""

import socket
import threading
from collections.abc import Callable

import pytest
import requests

from app.sandbox.misbehaviour import InForce, Misbehaviour

CREATE = "/api/v1/events/create"
AUTHENTICATE = "/api/v1/authenticate"
EVENT = {"clientId": "c", "timestamp": "2022-01-09T09:32:01Z"}
SHORT_SECONDS = 0.3

WaitUntil = Callable[[Callable[[], bool]], None]


def misbehave(kable: requests.Session, **how: object) -> None:
    kable.post("/_answers", json=how).raise_for_status()


def billed(kable: requests.Session) -> int:
    return int(kable.get("/_usage").json()["count"])


def statuses(kable: requests.Session) -> list[int | None]:
    return [each["status"] for each in kable.get("/_received").json()["requests"]]


def test_an_error_is_answered_as_it_was_asked_for_and_bills_nothing(
    kable: requests.Session,
) -> None:
    misbehave(kable, status=429, headers={"Retry-After": 7}, body={"message": "slow down"})
    answer = kable.post(CREATE, json=EVENT)
    assert (answer.status_code, answer.json()) == (429, {"message": "slow down"})
    assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == (
        "7",
        "application/json",
    )
    assert "X-REQUEST-ID" in answer.headers
    assert billed(kable) == 0


def test_an_error_without_a_body_gets_the_one_that_kable_sends(kable: requests.Session) -> None:
    misbehave(kable, status=500)
    assert kable.post(CREATE, json=EVENT).json() == {"message": "Something went wrong"}


def test_a_string_is_the_body_itself(kable: requests.Session) -> None:
    misbehave(
        kable, status=502, body="<h1>Bad Gateway</h1>", headers={"Content-Type": "text/html"}
    )
    answer = kable.post(CREATE, json=EVENT)
    assert (answer.text, answer.headers["Content-Type"]) == ("<h1>Bad Gateway</h1>", "text/html")


def test_a_json_body_is_sent_verbatim(kable: requests.Session) -> None:
    kable.post("/_answers", data='{"status": 400, "body": {"price": 1.10}}').raise_for_status()
    assert kable.post(CREATE, json=EVENT).text == '{"price": 1.10}'


def test_another_success_still_bills(kable: requests.Session) -> None:
    misbehave(kable, status=202, body={"ok": True})
    answer = kable.post(CREATE, json=EVENT)
    assert (answer.status_code, answer.json()) == (202, {"ok": True})
    assert billed(kable) == 1


def test_a_success_without_effect_only_says_so(kable: requests.Session) -> None:
    misbehave(kable, effect=False)
    assert kable.post(CREATE, json=EVENT).status_code == 200
    assert billed(kable) == 0


def test_a_status_that_has_no_body_sends_none(kable: requests.Session) -> None:
    misbehave(kable, status=204, body="ignored")
    answers = [kable.post(CREATE, json=EVENT) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2


def test_misbehaviour_makes_no_success_of_a_refusal(kable: requests.Session) -> None:
    misbehave(kable, status=200, body="fine")
    assert kable.post(CREATE, json={}).status_code == 400


def test_it_applies_to_the_api_and_not_to_the_sandbox_itself(kable: requests.Session) -> None:
    misbehave(kable, status=503)
    assert kable.post(AUTHENTICATE).status_code == 503
    assert kable.get("/_usage").status_code == 200
    assert kable.get("/_received").status_code == 200


def test_it_lasts_until_it_is_ended(kable: requests.Session) -> None:
    misbehave(kable, status=503)
    during = [kable.post(AUTHENTICATE).status_code for _ in range(3)]
    kable.delete("/_answers").raise_for_status()
    assert (during, kable.post(AUTHENTICATE).status_code) == ([503] * 3, 200)


def test_it_lasts_for_as_many_requests_as_were_asked_for(kable: requests.Session) -> None:
    misbehave(kable, status=503, times=2)
    assert [kable.post(AUTHENTICATE).status_code for _ in range(4)] == [503, 503, 200, 200]


def test_a_new_one_replaces_the_former(kable: requests.Session) -> None:
    misbehave(kable, status=503, times=5)
    misbehave(kable, status=429, times=1)
    assert [kable.post(AUTHENTICATE).status_code for _ in range(2)] == [429, 200]


def test_a_share_of_the_requests_is_struck_the_same_ones_each_time(
    kable: requests.Session,
) -> None:
    rounds = []
    for _ in range(2):
        misbehave(kable, status=503, share=0.25)
        rounds.append([kable.post(AUTHENTICATE).status_code for _ in range(100)])
    assert 10 < rounds[0].count(503) < 40
    assert rounds[0] == rounds[1]


def test_times_counts_only_what_the_share_struck(kable: requests.Session) -> None:
    misbehave(kable, status=503, share=0.5, times=3)
    assert [kable.post(AUTHENTICATE).status_code for _ in range(50)].count(503) == 3


def test_a_share_of_nothing_strikes_nobody(kable: requests.Session) -> None:
    misbehave(kable, status=503, share=0)
    assert [kable.post(AUTHENTICATE).status_code for _ in range(20)] == [200] * 20


def test_only_what_is_above_a_rate_is_struck() -> None:
    moments = iter((0.0, 0.1, 0.2, 0.9, 1.0, 1.05, 1.1))
    limit = InForce(Misbehaviour(status=429, above=2), lambda: next(moments))
    struck = [limit.strikes() for _ in range(7)]
    assert struck == [False, False, True, True, False, True, False]


@pytest.mark.parametrize(("effect", "expected"), [(True, 1), (False, 0)])
def test_a_reset_does_as_effect_says(
    kable: requests.Session, *, effect: bool, expected: int
) -> None:
    misbehave(kable, mode="reset", effect=effect)
    with pytest.raises(requests.ConnectionError):
        kable.post(CREATE, json=EVENT)
    assert (billed(kable), statuses(kable)) == (expected, [None])


def test_a_reset_bills_nothing_that_would_have_been_refused(kable: requests.Session) -> None:
    misbehave(kable, mode="reset")
    with pytest.raises(requests.ConnectionError):
        kable.post(CREATE, json=[EVENT, {}])
    assert billed(kable) == 0


def test_a_reset_is_one_on_the_wire(kable: requests.Session, port: int) -> None:
    misbehave(kable, mode="reset")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /kable/api/v1/authenticate HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize(("effect", "expected"), [(True, 1), (False, 0)])
def test_a_hang_does_as_effect_says(
    kable: requests.Session, wait_until: WaitUntil, *, effect: bool, expected: int
) -> None:
    misbehave(kable, mode="hang", effect=effect)
    with pytest.raises(requests.ReadTimeout):
        kable.post(CREATE, json=EVENT, timeout=SHORT_SECONDS)
    wait_until(lambda: statuses(kable) == [None])
    assert billed(kable) == expected


@pytest.mark.parametrize("end", ["/_answers", "/_state"])
def test_the_end_of_a_hang_closes_the_connection_without_an_answer(
    kable: requests.Session, port: int, wait_until: WaitUntil, end: str
) -> None:
    misbehave(kable, mode="hang")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /kable/api/v1/authenticate HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        wait_until(lambda: statuses(kable) == [None])
        kable.delete(end).raise_for_status()
        assert client.recv(1) == b""


def test_a_slow_answer_is_an_ordinary_one(kable: requests.Session) -> None:
    misbehave(kable, delay=SHORT_SECONDS / 3)
    answer = kable.post(CREATE, json=EVENT)
    assert (answer.status_code, answer.content, billed(kable)) == (200, b"", 1)


def test_who_gives_up_on_a_slow_answer_was_billed(
    kable: requests.Session, wait_until: WaitUntil
) -> None:
    misbehave(kable, delay=60)
    with pytest.raises(requests.ReadTimeout):
        kable.post(CREATE, json=EVENT, timeout=SHORT_SECONDS)
    wait_until(lambda: statuses(kable) == [None])
    assert billed(kable) == 1


def test_the_end_of_a_delay_answers_who_still_waits(
    kable: requests.Session, wait_until: WaitUntil
) -> None:
    misbehave(kable, delay=60, status=503)
    slow = threading.Thread(target=kable.post, args=(AUTHENTICATE,))
    slow.start()
    wait_until(lambda: statuses(kable) == [None])
    kable.delete("/_answers").raise_for_status()
    slow.join()
    assert statuses(kable) == [503]


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"mode": "explode"}, "mode"),
        ({"status": 99}, "status"),
        ({"status": "503"}, "status"),
        ({"headers": {"A": []}}, "headers"),
        ({"headers": {"A": "b\r\nc"}}, "headers"),
        ({"headers": {"A B": "c"}}, "headers"),
        ({"headers": {"Content-Length": "1"}}, "headers"),
        ({"delay": -1}, "delay"),
        ({"times": 0}, "times"),
        ({"share": 1.1}, "share"),
        ({"effect": 1}, "effect"),
        ({"stauts": 503}, "stauts"),
        ("503", None),
    ],
)
def test_a_misbehaviour_that_makes_no_sense_is_refused_and_changes_nothing(
    kable: requests.Session, how: object, field: str | None
) -> None:
    misbehave(kable, status=429)
    answer = kable.post("/_answers", json=how)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", field)
    assert error["message"]
    assert kable.post(AUTHENTICATE).status_code == 429


@pytest.mark.parametrize("body", ["", "{", '{"body":"\\ud800"}', '{"body":' + "[" * 10_000])
def test_a_command_that_is_no_json_is_refused(kable: requests.Session, body: str) -> None:
    answer = kable.post("/_answers", data=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, None)
