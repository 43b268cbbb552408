"""A request to a partner, and the answer to it."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import msgspec
from starlette.types import Receive, Send

KEPT_BYTES = 1024 * 1024
BODILESS = frozenset({204, 304})


class Request(msgspec.Struct, frozen=True):
    """A whole request: header names in lower case, the body cut off at KEPT_BYTES."""

    at: datetime
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int

    @property
    def oversize(self) -> bool:
        return self.size > KEPT_BYTES


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; the body is JSON unless a header `content-type` says otherwise.

    `faulty`: it refuses under a status that says nothing of it, as GraphQL does.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    faulty: bool = False

    @property
    def refuses(self) -> bool:
        return self.faulty or self.status >= HTTPStatus.BAD_REQUEST


async def body_of(receive: Receive) -> tuple[bytes, int] | None:
    """Read a body to its end: what is kept of it and how long it was; None if the client left.

    What is too long is read all the same, so that the client can read its answer.
    """
    kept, size, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        kept += chunk[: KEPT_BYTES - len(kept)]
        size += len(chunk)
        more = message.get("more_body", False)
    return bytes(kept), size


async def reply(answer: Answer, request_id: str, send: Send) -> None:
    headers = {"x-request-id": request_id, **lower(answer.headers)}
    body = b"" if answer.status in BODILESS else answer.body
    if answer.status not in BODILESS:
        headers["content-length"] = str(len(body))
    if body:
        headers.setdefault("content-type", "application/json")
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
