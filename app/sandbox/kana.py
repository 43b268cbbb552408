"""The pretend Kana: a GraphQL endpoint that keeps users and counts the usage of features.

Kana's written reference says how it answers; what it leaves open (its error codes, what exists
already) follows Apollo Server 3, whose error shape it shows.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from pathlib import Path

import msgspec
from graphql import GraphQLResolveInfo, build_schema
from starlette.requests import Request as Command
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.apollo import Apollo, FaultError, Root, asked_by, refusal
from app.sandbox.command import command, json_response, limit_of
from app.sandbox.exchange import Answer, Request
from app.sandbox.kana_account import (
    Account,
    Feature,
    Settings,
    Usage,
    UsageEvent,
    User,
    UserChange,
)

SDL = Path(__file__).with_name("kana.graphql")
PAGE_ROWS = 50
KEY_PREFIXES = ("prv_test_", "prv_live_")
DECEMBER = 12


class Kana:
    """Kana's contract: users, features and usage by GraphQL."""

    name = "kana"
    paths: tuple[str, ...] = ("/graphql",)

    def __init__(self) -> None:
        self._apollo = Apollo(build_schema(SDL.read_text()))
        self.forget()

    def forget(self) -> None:
        self._account = Account()
        self._root = root_of(self._account)

    def answer(self, request: Request) -> Answer:
        if request.path.rstrip("/") != "/kana/graphql":
            message = f"expected POST to /graphql, got {request.method} {request.path}"
            return refusal(message, "NOT_FOUND", HTTPStatus.NOT_FOUND)
        asked = asked_by(request)
        if isinstance(asked, Answer):
            return asked
        if not authorised(request.headers.get("authorization", ""), self._account.settings):
            return unauthenticated()
        return self._apollo.answer(asked, self._root, request.at)

    def failure(self, status: int) -> Answer:
        return refusal(*message_and_code(status), status)

    def routes(self) -> list[Route]:
        return [
            Route("/_users", self._show_users, methods=["GET"]),
            Route("/_usage", self._show_usage, methods=["GET"]),
            Route("/_settings", self._set, methods=["POST"]),
            Route("/_settings", self._unset, methods=["DELETE"]),
        ]

    def totals(self) -> Mapping[str, int]:
        return {"users": len(self._account.users), "usage recorded": self._account.usage_count}

    def tables(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        users = islice(reversed(self._account.users.values()), PAGE_ROWS)
        return {
            "usage": [usage_row(each) for each in reversed(self._account.usage(PAGE_ROWS))],
            "users": [user_row(each) for each in users],
        }

    async def _show_users(self, _: Command) -> Response:
        return json_response({"items": list(self._account.users.values())})

    async def _show_usage(self, asked: Command) -> Response:
        account = self._account
        return json_response(
            {
                "items": account.usage(limit_of(asked)),
                "count": account.usage_count,
                "totals": account.totals,
            }
        )

    async def _set(self, asked: Command) -> Response:
        self._account.settings = await command(asked, Settings)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _unset(self, _: Command) -> Response:
        self._account.settings = Settings()
        return Response(status_code=HTTPStatus.NO_CONTENT)


def root_of(account: Account) -> Root:
    """What the fields of Query and Mutation call; a call's context is the time of its request."""

    def create_user(_: GraphQLResolveInfo, **given: object) -> object:
        return msgspec.to_builtins(account.create_user(msgspec.convert(given["input"], User)))

    def update_user(_: GraphQLResolveInfo, **given: object) -> object:
        change = msgspec.convert(given["input"], UserChange)
        return msgspec.to_builtins(account.update_user(str(given["id"]), change))

    def create_feature(_: GraphQLResolveInfo, **given: object) -> object:
        feature = msgspec.convert(given["input"], Feature)
        return msgspec.to_builtins(account.create_feature(feature))

    def record_usage(info: GraphQLResolveInfo, **given: object) -> object:
        reason = account.record(msgspec.convert(given["input"], UsageEvent), info.context)
        return {"recorded": reason is None, "reason": reason}

    def can_use_feature(_: GraphQLResolveInfo, **given: str) -> object:
        used = account.used(given["userId"], given["featureId"])
        reason = account.refused(given["featureId"])
        return {
            "access": reason is None,
            "reason": reason or "The sandbox sets no limit",
            "consumption": consumption(used),
        }

    def show_usage(info: GraphQLResolveInfo, **given: str) -> object:
        used = account.used(given["userId"], given["featureId"])
        return {"current": {**month(info.context), "consumption": consumption(used)}, "past": []}

    return {
        "user": lambda _, **given: msgspec.to_builtins(account.user(given["id"])),
        "users": lambda _: msgspec.to_builtins(list(account.users.values())),
        "feature": lambda _, **given: msgspec.to_builtins(account.feature(given["id"])),
        "features": lambda _: msgspec.to_builtins(account.features()),
        "canUseFeature": can_use_feature,
        "showUsage": show_usage,
        "createUser": create_user,
        "updateUser": update_user,
        "createFeature": create_feature,
        "recordUsage": record_usage,
    }


def consumption(used: int) -> dict[str, object]:
    return {"used": used, "budget": None, "overageEnabled": False}


def month(at: datetime) -> dict[str, str]:
    """The period that the moment lies in; the sandbox never begins to count anew."""
    start = datetime(at.year, at.month, 1, tzinfo=UTC)
    years, month_index = divmod(at.month, DECEMBER)
    end = datetime(at.year + years, month_index + 1, 1, tzinfo=UTC)
    return {"periodStart": start.isoformat(), "periodEnd": end.isoformat()}


def authorised(authorization: str, settings: Settings) -> bool:
    """Kana wants the bare key; `Bearer` before it does no harm."""
    scheme, _, rest = authorization.partition(" ")
    key = rest.strip() if scheme.lower() == "bearer" else authorization
    if settings.api_key is not None:
        return key == settings.api_key
    return key.startswith(KEY_PREFIXES) and key not in KEY_PREFIXES


def unauthenticated() -> Answer:
    """Kana's SDKs know it by the start of the message, not by its status."""
    message = "Unauthenticated: expected a key that begins with prv_test_ or prv_live_"
    fault = FaultError(message, "UNAUTHENTICATED", "AuthenticationError")
    errors = [{"message": message, "extensions": fault.extensions}]
    content = {"errors": errors, "data": None}
    return Answer(HTTPStatus.OK, msgspec.json.encode(content), faulty=True)


def message_and_code(status: int) -> tuple[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return "Unauthenticated", "UNAUTHENTICATED"
    try:
        known = HTTPStatus(status)
    except ValueError:
        return f"Status {status}", f"STATUS_{status}"
    return known.phrase, known.name


def usage_row(usage: Usage) -> dict[str, object]:
    return {
        "received": usage.at,
        "userId": usage.user_id,
        "featureId": usage.feature_id,
        "delta": usage.delta,
        "action": usage.action,
    }


def user_row(user: User) -> dict[str, object]:
    """A user for the page; the metadata as text."""
    metadata = msgspec.json.encode(user.metadata).decode() if user.metadata else None
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "billingId": user.billing_id,
        "metadata": metadata,
    }
