"""The events that every measurement sends, and the HTTP requests that carry them."""

from base64 import b64encode
from collections.abc import Iterator

WRITE_KEY = "bench"
AUTHORIZATION = b"Basic " + b64encode(f"{WRITE_KEY}:".encode())
USERS = 1_000

EVENT = (
    b'{"type":"track","userId":"customer-%04d","event":"API Called","messageId":"%s",'
    b'"timestamp":"2026-11-22T04:00:00.000Z","properties":{"endpoint":"/v1/search",'
    b'"region":"eu-central-1","plan":"growth","calls":1,"units":37},'
    b'"context":{"library":{"name":"analytics-python","version":"2.3.4"}}}'
)
# The same size; what it adds to a feature at Kana tells which event it was.
USAGE = EVENT.replace(b'"calls":1,"units":37', b'"featureId":"a","delta":%d')
BATCH = b'{"batch":[%s],"sentAt":"2026-11-22T04:00:01.000Z"}'
REQUEST = (
    b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)


def message_id(label: str, index: int) -> str:
    """`label` keeps the ids of different measurements apart."""
    return f"{label}-{index:07d}"


def index_of(id_: str) -> int:
    """Which event of its measurement a message id names."""
    return int(id_.rpartition("-")[2])


def event(label: str, index: int) -> bytes:
    """An event of 0.3 KB."""
    return EVENT % (index % USERS, message_id(label, index).encode())


def usage(label: str, index: int) -> bytes:
    """An event that Kana takes as well."""
    return USAGE % (index % USERS, message_id(label, index).encode(), index + 1)


def requests(label: str, events: int, batch: int, *, kana: bool = False) -> Iterator[bytes]:
    """Whole requests: to /v1/track for each event, or to /v1/batch for `batch` of them.

    With `kana` Kana takes the events as well.
    """
    make = usage if kana else event
    if batch == 1:
        for index in range(events):
            yield _request(b"/v1/track", make(label, index))
        return
    for first in range(0, events, batch):
        indexes = range(first, min(first + batch, events))
        yield _request(b"/v1/batch", BATCH % b",".join(make(label, i) for i in indexes))


def _request(path: bytes, body: bytes) -> bytes:
    return REQUEST % (path, AUTHORIZATION, len(body), body)
