"""Whatever comes: an answer in the shape of the contract, soon, and no failure of ingest."""

import gzip
import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests import recorded
from tests.ingesting import ERROR_SHAPE, Sender, serving, settings, track
from tests.recorded import Recorded

WITHIN_S = 10
EXPECTED = {200, 204, 400, 401, 404, 405, 503}
BODIES = [one.sent for one in recorded.everything()]
BODIES += [json.dumps(recorded.engage()).encode(), json.dumps(track()).encode()]
PATHS = [f"/v1/{name}" for name in ("track", "batch", "import/", "b", "t", "i", "a", "g", "m")]
PATHS += ["/v1/webhook/web", "/v1/webhook/app", "/v1/pixel/track", "/v1/projects/key/settings"]
PATHS += ["/", "//", "/v1", "/v1/", "/v1/webhook", "/v1/projects/key", "/openapi.json", "/healthz"]
WORDS = [
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'"',
    b"\\u",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"\xff",
    b"1e999",
]
WORDS += [b"9" * 400, b"[" * 300, b'{"a":' * 300, b"-Infinity", b"true", b"\\", b"\0", b"-", b"\n"]
NAMES = [b"userId", b"messageId", b"batch", b"context", b"type", b"timestamp", b"integrations"]

wild = st.sampled_from(WORDS) | st.binary(max_size=8)
duplicated = st.builds(
    lambda name, value: b'"%s": %s, ' % (name, value), st.sampled_from(NAMES), wild
)
values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(["Authorization", "Content-Encoding", "Content-Type", "Origin"])
    | st.sampled_from(["X-Forwarded-For", "X-Forwarded-Proto", "X-Signature", "Cookie"])
    | st.text("abcxyzABC-_0129", min_size=1, max_size=12).map("X-".__add__),
    st.sampled_from(["gzip", "Basic a2V5Og==", "Basic a2V5", "Bearer x", "127.0.0.1, ::1", "null"])
    | values,
    max_size=5,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The body of a recorded request with a few things done to it."""
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["cut", "flip", "insert", "overwrite", "duplicate", "double"])):
            case "cut":
                del body[at:]
            case "flip" if at < len(body):
                body[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                body[at:at] = draw(wild)
            case "overwrite":
                body[at : at + draw(st.integers(0, 30))] = draw(wild)
            case "duplicate":
                start = body.find(b"{", at) + 1
                body[start:start] = draw(duplicated)
            case "double":
                body += body[at:]
    return gzip.compress(body) if draw(st.booleans()) else bytes(body)


@pytest.fixture(scope="module")
def ingest(store_url: str) -> Iterator[Sender]:
    with serving(settings(store_url)) as sender:
        yield sender


def ask(
    ingest: Sender, method: str, path: str, body: bytes, sent: dict[str, str]
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(urlsplit(ingest.address).netloc, timeout=WITHIN_S)
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read()
    finally:
        connection.close()


def check(status: int, type_: str, body: bytes) -> None:
    assert status in EXPECTED, body
    if status >= 400:
        assert type_ == "application/json"
        found = json.loads(body)
        assert {name: type(value) for name, value in found.items()} == ERROR_SHAPE


OFTEN = hypothesis(max_examples=300, suppress_health_check=list(HealthCheck))


@OFTEN
@given(st.sampled_from(["POST", "PUT"]), st.sampled_from(PATHS), mutated(), headers)
def test_a_mutated_request_is_answered(
    ingest: Sender, method: str, path: str, body: bytes, sent: dict[str, str]
) -> None:
    check(*ask(ingest, method, path, body, {"Authorization": "Basic a2V5Og=="} | sent))


@OFTEN
@given(
    st.sampled_from(["POST", "GET", "OPTIONS", "DELETE", "PATCH"]),
    st.sampled_from(PATHS) | st.text(max_size=20).map(lambda path: "/" + quote(path, safe="/")),
    st.text(max_size=60).map(lambda query: quote(query, safe="=&.+-_/")),
    headers,
)
def test_any_path_query_and_headers_are_answered(
    ingest: Sender, method: str, path: str, query: str, sent: dict[str, str]
) -> None:
    check(*ask(ingest, method, f"{path}?{query}", b"", sent))


@OFTEN
@given(mutated(), st.sampled_from(["data=", "writeKey=key&data="]))
def test_any_image_is_shown(ingest: Sender, body: bytes, before: str) -> None:
    written = before + quote(body[:3000].hex() if len(body) % 2 else body[:3000])
    status, type_, _ = ask(ingest, "GET", f"/v1/pixel/track?{written}", b"", {})
    assert (status, type_) == (200, "image/gif")


@pytest.mark.parametrize("request_", recorded.everything(), ids=lambda one: one.sdk)
def test_every_cut_of_a_request_is_answered(ingest: Sender, request_: Recorded) -> None:
    sent = {name: value.decode() for name, value in request_.headers.items()}
    whole = request_.sent
    for end in range(0, len(whole), max(1, len(whole) // 50)):
        status, type_, body = ask(ingest, "POST", request_.path, whole[:end], sent)
        check(status, type_, body)
        assert status == 400
