"""What the API answers when it does not do what is asked; always an object `error`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import redis
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from app.console.api.answers import FaultCode, fault
from app.console.api.shapes.lists import Error
from app.dead_letters import BadFilter
from app.operating import Absent, Conflict, Refused
from app.settings.wording import refusal, shown
from app.store import is_the_stores

UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY.value
RETRY_AFTER_S = 2
DETAIL_MAX = 300

CODES: Mapping[HTTPStatus, tuple[FaultCode, str]] = {
    HTTPStatus.NOT_FOUND: ("unknown_route", "there is no such route; see /api/openapi.json"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "expected another method; see Allow"),
    HTTPStatus.BAD_REQUEST: ("invalid", "expected a body that can be read"),
}

_EXPLAINED = {
    HTTPStatus.UNAUTHORIZED: "No token, or one that no operator has.",
    HTTPStatus.FORBIDDEN: "The operator of this token may look and change nothing.",
    HTTPStatus.NOT_FOUND: "There is none of this id.",
    HTTPStatus.CONFLICT: "It cannot be done as things stand.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter or the body is wrong; `field` names it.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The store does not answer; try again after `Retry-After`.",
}

logger = structlog.get_logger("api")


class ReadOnlyError(Exception):
    """Who asks may change nothing."""


def explained(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These answers for the description."""
    return {
        int(status): {"model": Error, "description": _EXPLAINED[HTTPStatus(status)]}
        for status in statuses
    }


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer every fault of the application in the API's way."""
    app.state.routes = routes
    app.exception_handler(Refused)(_refused)
    app.exception_handler(BadFilter)(_bad_filter)
    app.exception_handler(ReadOnlyError)(_read_only)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(redis.RedisError)(_store)
    app.exception_handler(Exception)(_broken)


def _refused(_: Request, error: Refused) -> Response:
    match error:
        case Absent():
            status = HTTPStatus.NOT_FOUND
        case Conflict():
            status = HTTPStatus.CONFLICT
        case _:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    return fault(status, error.code, _cut(error), error.field)


def _bad_filter(request: Request, error: BadFilter) -> Response:
    field = error.field
    named = field if request.method == "GET" else f"filter.{field}"
    return fault(UNPROCESSABLE, "bad_filter", _cut(error), named)


def _read_only(request: Request, _: ReadOnlyError) -> Response:
    told = f"this token may look and change nothing; {request.method} needs another one"
    return fault(HTTPStatus.FORBIDDEN, "read_only", told)


def _invalid(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where, *rest = first["loc"]
    field = ".".join(str(part) for part in rest if first["type"] != "json_invalid")
    return fault(UNPROCESSABLE, "invalid", _message(where, first), field)


def _message(where: object, error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "json_invalid":
            return f"expected JSON: {error['ctx']['error']}"
        case "missing" if error["loc"] == ("body",):
            return "expected a JSON object as body; found none"
        case "missing":
            return "expected a value; found none"
        case "extra_forbidden":
            return f"unknown {'parameter' if where == 'query' else 'member'}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"expected an object; found {_sort(error['input'])}"
    why = refusal(error)  # type: ignore[arg-type]
    return why if "; found" in why else f"{why}; found {_sort(error['input'])}"


def _sort(found: object) -> str:
    return "an object" if isinstance(found, Mapping) else shown(found)


def _http(request: Request, error: HTTPException) -> Response:
    status, headers = error.status_code, error.headers
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_allowed(request))}
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return fault(status, "too_large", error.detail, headers=headers)
    code, message = CODES[HTTPStatus(status)]
    status = UNPROCESSABLE if status == HTTPStatus.BAD_REQUEST else status
    return fault(status, code, message, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes of a path; a router names those of the first one."""
    routes: Sequence[BaseRoute] = request.app.state.routes
    found = (one for one in routes if one.matches(request.scope)[0] != Match.NONE)
    return sorted(method for one in found for method in getattr(one, "methods", ()))


def _store(_: Request, error: redis.RedisError) -> Response:
    if not is_the_stores(error):
        raise error
    told = f"the store does not answer ({type(error).__name__}); a change may have been made"
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return fault(HTTPStatus.SERVICE_UNAVAILABLE, "store_away", told, headers=headers)


def _broken(_: Request, error: Exception) -> Response:
    logger.error("request.failed", error=type(error).__name__)
    told = "the console has a fault; its log says more"
    return fault(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", told)


def _cut(error: Exception) -> str:
    """What is said of hostile ids stays readable."""
    told = str(error)
    return told if len(told) <= DETAIL_MAX else f"{told[:DETAIL_MAX]}..."
