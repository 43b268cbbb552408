"""The forms that a body may have: compressed, in chunks, nearly JSON, under any content type."""

import gzip
import json
import zlib

import pytest
import redis

from tests.ingesting import OK, Sender, answered, counts, events, refused, track
from tests.processes import wait_until

GZIP = {"Content-Encoding": b"gzip"}
EVENT = json.dumps(track()).encode()
PACKED = gzip.compress(EVENT)


@pytest.mark.parametrize(
    "type_",
    [b"application/json", b"text/plain;charset=UTF-8", b"application/x-www-form-urlencoded", b""],
)
def test_a_body_is_json_whatever_its_content_type_says(
    ingest: Sender, store: redis.Redis, type_: bytes
) -> None:
    response = ingest.send_to("/v1/track", EVENT, headers={"Content-Type": type_})
    assert answered(response) == OK
    assert len(events(store)) == 1


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP ", b"x-gzip"])
def test_a_body_may_be_gzip(ingest: Sender, store: redis.Redis, encoding: bytes) -> None:
    response = ingest.send_to("/v1/track", PACKED, headers={"Content-Encoding": encoding})
    assert answered(response) == OK
    assert [event["event"] for event in events(store)] == ["Call"]


@pytest.mark.parametrize("headers", [{}, GZIP])
def test_a_body_may_come_in_chunks_of_unknown_number(
    ingest: Sender, store: redis.Redis, headers: dict[str, bytes]
) -> None:
    body = PACKED if headers else EVENT
    chunks = (body[at : at + 10] for at in range(0, len(body), 10))
    url = ingest.address + "/v1/t"
    assert answered(ingest.post(url, data=chunks, headers=headers, timeout=20)) == OK
    assert len(events(store)) == 1


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (EVENT, b"gzip"),
        (b"", b"gzip"),
        (PACKED[:-1], b"gzip"),
        (PACKED[:-8] + bytes(8), b"gzip"),
        (PACKED + b"more", b"gzip"),
        (zlib.compress(EVENT), b"gzip"),
        (zlib.compress(EVENT), b"deflate"),
        (gzip.compress(PACKED), b"gzip, gzip"),
        (PACKED, b"identity"),
        (PACKED, b"\xff"),
    ],
)
def test_a_body_that_is_not_encoded_as_it_says_is_malformed(
    ingest: Sender, store: redis.Redis, body: bytes, encoding: bytes
) -> None:
    response = ingest.send_to("/v1/track", body, headers={"Content-Encoding": encoding})
    assert refused(response) == (400, "bad_request")
    assert events(store) == []


@pytest.mark.parametrize("size", [5_000_000, 1_000_000_000])
def test_a_body_that_inflates_beyond_the_hard_cap_is_refused(ingest: Sender, size: int) -> None:
    packer = zlib.compressobj(level=1, wbits=31)
    packed = b"".join(packer.compress(bytes(5_000_000)) for _ in range(size // 5_000_000))
    response = ingest.send_to("/v1/batch", packed + packer.flush(), headers=GZIP)
    assert refused(response) == (400, "request_too_large")


def test_numbers_that_json_has_not_become_null_and_the_request_is_counted(
    ingest: Sender, store: redis.Redis
) -> None:
    strange = {
        "a": float("nan"),
        "b": [float("inf"), -float("inf")],
        "c": 'NaN "-Infinity',
        "d": -1,
    }
    sent = {"batch": [track(properties=strange), track(messageId="n")]}
    assert answered(ingest.send_to("/v1/batch", sent)) == OK
    expected = {"a": None, "b": [None, None], "c": 'NaN "-Infinity', "d": -1}
    assert events(store)[0]["properties"] == expected
    wait_until(lambda: counts(store) == {"accepted": 2, "lenient": 1})


@pytest.mark.parametrize("word", [b"NaNs", b"-NaN", b"+Infinity", b"nan", b"Inf", b"-", b"None"])
def test_other_words_are_malformed(ingest: Sender, word: bytes) -> None:
    body = b'{"userId": "u", "event": "e", "properties": {"a": %s}}' % word
    assert refused(ingest.send_to("/v1/track", body)) == (400, "bad_request")


def test_a_byte_order_mark_is_stepped_over(ingest: Sender, store: redis.Redis) -> None:
    assert answered(ingest.send_to("/v1/track", b"\xef\xbb\xbf" + EVENT)) == OK
    assert [event["event"] for event in events(store)] == ["Call"]
    wait_until(lambda: counts(store) == {"accepted": 1})


@pytest.mark.parametrize("start", [b'{"a": NaN, "b": "', b'{"a": "'])
@pytest.mark.parametrize("filling", [b'\\"', b'"",', b"N", b"-I", b"\\"])
def test_a_body_full_of_what_might_be_mended_is_answered(
    ingest: Sender, start: bytes, filling: bytes
) -> None:
    body = start + filling * (4_000_000 // len(filling))
    assert refused(ingest.send_to("/v1/track", body)) == (400, "bad_request")
