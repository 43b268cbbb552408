"""What browsers ask for before and with a request to another origin (Fetch standard).

The origin is echoed, since pages may ask with credentials, for which `*` does not count, and
`Authorization` is named, since `*` does not cover it.
"""

from app.ingest.answers import Answer, Message, empty

_OF_EVERY_ANSWER = (
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b"Retry-After"),
    (b"vary", b"Origin"),
)

PREFLIGHT = empty(
    204,
    (
        (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
        (b"access-control-allow-headers", b"Authorization, Content-Type, X-Retry-Count"),
        (b"access-control-max-age", b"7200"),  # more than Chromium heeds is in vain
    ),
)


def shared_with(origin: bytes, answer: Answer) -> Message:
    """The beginning of an answer as a page of this origin may read it."""
    allowed = (b"access-control-allow-origin", origin)
    headers = [*answer.start["headers"], allowed, *_OF_EVERY_ANSWER]
    return {**answer.start, "headers": headers}
