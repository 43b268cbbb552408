"""Reading commands to the sandbox itself, and answering them."""

import re
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")
# Where msgspec, and the checks of our own, name the part that is wrong.
FIELD = re.compile(r"`\$\.(\w+)|unknown field `(.+)`$|^(\w+): ")
# msgspec gives up on a thousand arrays in each other with a RecursionError.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
LIMIT = re.compile(r"[0-9]{1,9}")


class InvalidError(Exception):
    """A command that cannot be followed; `field` names the part of it that is wrong."""

    def __init__(self, message: str, field: str | None) -> None:
        super().__init__(message)
        self.field = field


async def command(request: Request, kind: type[T]) -> T:
    """The body of a command. Raises InvalidError."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except UNREADABLE as error:
        found = FIELD.search(str(error))
        field = next(filter(None, found.groups()), None) if found else None
        raise InvalidError(str(error), field) from error


def limit_of(request: Request) -> int | None:
    """How many of the newest are asked for; None: all. Raises InvalidError."""
    limit = request.query_params.get("limit")
    if limit is None:
        return None
    if not LIMIT.fullmatch(limit):
        raise InvalidError(f"limit: expected a number of at most 9 digits, got {limit!r}", "limit")
    return int(limit)


def json_response(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


async def invalid_response(_: Request, error: Exception) -> Response:
    """The 422 that tells what is wrong with a command; the error is an InvalidError."""
    field = error.field if isinstance(error, InvalidError) else None
    fault = {"code": "invalid", "message": str(error), "field": field}
    return Response(
        msgspec.json.encode({"error": fault}), status_code=422, media_type="application/json"
    )
