"""GraphQL over HTTP as Apollo Server 3 answers it, which is what Kana's errors look like."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    execute_sync,
    parse,
    validate,
)

from app.sandbox.command import UNREADABLE
from app.sandbox.exchange import KEPT_BYTES, Answer, Request

KEPT_DOCUMENTS = 128

Root = Mapping[str, Callable[..., object]]


class FaultError(Exception):
    """What an operation refuses: an error in its answer, under `code` and an exception's name."""

    def __init__(self, message: str, code: str, name: str) -> None:
        super().__init__(message)
        # graphql-core copies this into the error that it makes of an exception.
        self.extensions = {"code": code, "exception": {"name": name, "message": message}}


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """An operation as it is posted. Kana's own samples send the variables as JSON in a string."""

    query: str
    variables: dict[str, Any] | str | None = None
    operation_name: str | None = None


class Apollo:
    """Answers operations on one schema. A document is parsed and validated once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._documents = lru_cache(KEPT_DOCUMENTS)(self._document)

    def answer(self, asked: Asked, root: Root, context: object) -> Answer:
        """Call what the root has for each field with `(info, **arguments)`; info.context is ours.

        An error of an operation is answered 200; 400 tells that nothing was executed.
        """
        document = self._documents(asked.query)
        if isinstance(document, Answer):
            return document
        variables = asked.variables
        if isinstance(variables, str):
            try:
                variables = msgspec.json.decode(variables, type=dict[str, Any] | None)
            except UNREADABLE as error:
                return refusal(f"variables: {error}", "BAD_USER_INPUT")
        return answer_of(
            execute_sync(self._schema, document, root, context, variables, asked.operation_name)
        )

    def _document(self, query: str) -> DocumentNode | Answer:
        try:
            document = parse(query)
        except GraphQLSyntaxError as error:
            return bad_request([error], "GRAPHQL_PARSE_FAILED")
        faults = validate(self._schema, document)
        return bad_request(faults, "GRAPHQL_VALIDATION_FAILED") if faults else document


def asked_by(request: Request) -> Asked | Answer:
    """The operation of a request, or the answer that refuses it."""
    if request.method != "POST":
        status, allow = HTTPStatus.METHOD_NOT_ALLOWED, {"allow": "POST"}
        return refusal(f"expected POST, got {request.method}", "BAD_REQUEST", status, allow)
    if request.oversize:
        message = f"expected at most {KEPT_BYTES} bytes, got {request.size}"
        return refusal(message, "BAD_REQUEST", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        message = f"expected content type application/json, got {content_type!r}"
        return refusal(message, "BAD_REQUEST")
    try:
        return msgspec.json.decode(request.body, type=Asked)
    except UNREADABLE as error:
        return refusal(f"expected a JSON object with a query: {error}", "BAD_REQUEST")


def answer_of(result: ExecutionResult) -> Answer:
    errors = result.errors or []
    if errors and not any(error.path for error in errors):
        return bad_request(errors, "BAD_USER_INPUT")
    if not errors:
        return Answer(HTTPStatus.OK, msgspec.json.encode({"data": result.data}))
    content = {"errors": shown(errors, "INTERNAL_SERVER_ERROR"), "data": result.data}
    return Answer(HTTPStatus.OK, msgspec.json.encode(content), faulty=True)


def bad_request(errors: Sequence[GraphQLError], code: str) -> Answer:
    return Answer(HTTPStatus.BAD_REQUEST, msgspec.json.encode({"errors": shown(errors, code)}))


def shown(errors: Sequence[GraphQLError], code: str) -> list[object]:
    """The errors as they are sent; the code is for those that have none of their own."""
    return [
        {**error.formatted, "extensions": error.extensions or {"code": code}} for error in errors
    ]


def refusal(
    message: str,
    code: str,
    status: int = HTTPStatus.BAD_REQUEST,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    errors = [{"message": message, "extensions": {"code": code}}]
    return Answer(status, msgspec.json.encode({"errors": errors}), headers or {})
