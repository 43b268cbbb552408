"""Answers of the API: JSON as msgspec writes it, so that the events in it keep their bytes."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Literal

import msgspec
from starlette.responses import Response

from app.items import Item
from app.operating import Code

JSON = "application/json"
NOT_KEPT = {"Cache-Control": "no-store"}

FaultCode = Literal[
    Code,
    "invalid",
    "bad_filter",
    "unauthorised",
    "read_only",
    "unknown_route",
    "method_not_allowed",
    "too_large",
    "store_away",
    "internal",
]


def answer(item: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(item), status, NOT_KEPT, JSON)


def page(items: Sequence[Item], next_cursor: str | None = None) -> Response:
    """A list as all of the API's are."""
    return answer({"items": items, "next_cursor": next_cursor})


def fault(
    status: int,
    code: FaultCode,
    message: str,
    field: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that is no success."""
    error = {"code": code, "message": message, "field": field or None}
    return Response(
        msgspec.json.encode({"error": error}), status, {**NOT_KEPT, **(headers or {})}, JSON
    )
