"""What ingest answers, rendered ahead of the requests.

SDKs decide by these bodies whether to send again: success is exactly 200 and `{"success": true}`,
an error is a JSON object with `success`, `code`, `message` and `error`.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

RETRY_AFTER_S = 1

Headers = tuple[tuple[bytes, bytes], ...]
Message = dict[str, Any]  # as ASGI defines it


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the two ASGI messages that send it."""

    status: int
    start: Message
    body: Message


def content(status: int, type_: bytes, body: bytes, headers: Headers = ()) -> Answer:
    fixed = ((b"content-type", type_), (b"content-length", b"%d" % len(body)))
    return Answer(
        status,
        {"type": "http.response.start", "status": status, "headers": [*fixed, *headers]},
        {"type": "http.response.body", "body": body},
    )


def answer(status: int, body: bytes, headers: Headers = ()) -> Answer:
    """An answer whose body is JSON."""
    return content(status, b"application/json", body, headers)


def empty(status: int, headers: Headers) -> Answer:
    """An answer that has no body; the status says so."""
    return Answer(
        status,
        {"type": "http.response.start", "status": status, "headers": [*headers]},
        {"type": "http.response.body"},
    )


def error(status: int, code: str, message: str, headers: Headers = ()) -> Answer:
    shown = {"success": False, "code": code, "message": message, "error": message}
    return answer(status, msgspec.json.encode(shown), headers)


def malformed(message: str) -> Answer:
    return error(400, "bad_request", message)


def too_large(bytes_max: int) -> Answer:
    """Closes the connection, for the rest of the body may still be on its way."""
    message = f"expected at most {bytes_max} bytes in a request, got more; send smaller batches"
    return error(400, "request_too_large", message, ((b"connection", b"close"),))


def unavailable(why: str) -> Answer:
    return error(503, "unavailable", why, ((b"retry-after", b"%d" % RETRY_AFTER_S),))


def wrong_method(allowed: str) -> Answer:
    message = f"expected one of these methods: {allowed}"
    return error(405, "method_not_allowed", message, ((b"allow", allowed.encode()),))


SUCCESS = answer(200, b'{"success": true}')
UNKNOWN_SOURCE = error(
    401,
    "unknown_source",
    "expected a write key that this relay knows, as the user of HTTP Basic or as writeKey in "
    "the body; look at the sources of relay.toml",
)
NOT_FOUND = error(404, "not_found", "nothing here; GET /openapi.json lists every path")
NO_SETTINGS = error(
    404,
    "unknown_source",
    "expected a write key that this relay knows in /v1/projects/<write key>/settings; look at the "
    "sources of relay.toml",
)
NOT_STORED = unavailable("the store has not confirmed the events in time; send them again")
FAILED = error(500, "internal_error", "the relay failed at this request; look at its log")
