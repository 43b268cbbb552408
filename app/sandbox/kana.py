"""The pretend Kana: keeps users and counts the usage of features, by GraphQL or from raw events.

Kana's written reference says how it answers; what it leaves open (its error codes, what exists
already) follows Apollo Server 3, whose error shape it shows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice

import msgspec
from starlette.requests import Request as Command
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.apollo import FaultError, refusal
from app.sandbox.command import InvalidError, command, json_response, limit_of
from app.sandbox.exchange import Answer, Request
from app.sandbox.kana_account import Account
from app.sandbox.kana_graphql import AdminApi
from app.sandbox.kana_segment import answer as answer_to_event
from app.sandbox.kana_segment import remap
from app.sandbox.kana_settings import Settings
from app.sandbox.kana_unmapped import Track, Unmapped, groups
from app.sandbox.kana_usage import Usage
from app.sandbox.kana_users import User, flags

PAGE_ROWS = 50


class GivenUsers(msgspec.Struct, frozen=True):
    """What `POST _users` takes: what `GET _users` shows."""

    items: tuple[User, ...]


class GivenUsage(msgspec.Struct, frozen=True):
    """What `POST _usage` takes: what `GET _usage` shows."""

    items: tuple[Usage, ...]


class Kana:
    """Kana's contract: users, features and usage, by GraphQL and from Segment's events."""

    name = "kana"
    paths: tuple[str, ...] = ("/graphql", "/segment/events")

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._admin_api = AdminApi()
        self.forget()

    def forget(self) -> None:
        self._account = Account()
        self._unmapped = Unmapped()

    def answer(self, request: Request) -> Answer:
        at = self._account.settings.now or request.at
        match request.path.rstrip("/"):
            case "/kana/graphql":
                return self._admin_api.answer(request, self._account, at)
            case "/kana/segment/events":
                return answer_to_event(request, self._account, self._unmapped, at)
            case _:
                expected = "expected POST to /graphql or /segment/events"
                message = f"{expected}, got {request.method} {request.path}"
                return refusal(message, "NOT_FOUND", HTTPStatus.NOT_FOUND)

    def failure(self, status: int) -> Answer:
        return refusal(*message_and_code(status), status)

    def routes(self) -> list[Route]:
        return [
            Route("/_users", self._show_users, methods=["GET"]),
            Route("/_users", self._import_users, methods=["POST"]),
            Route("/_flags", self._show_flags, methods=["GET"]),
            Route("/_usage", self._show_usage, methods=["GET"]),
            Route("/_usage", self._import_usage, methods=["POST"]),
            Route("/_unmapped", self._show_unmapped, methods=["GET"]),
            Route("/_settings", self._set, methods=["POST"]),
            Route("/_settings", self._unset, methods=["DELETE"]),
        ]

    def totals(self) -> Mapping[str, int]:
        return {
            "users": len(self._account.users),
            "usage recorded": self._account.ledger.count,
            "unmapped": len(self._unmapped),
        }

    def tables(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        usages = reversed(self._account.ledger.newest(PAGE_ROWS))
        unmapped = reversed(self._unmapped.newest(PAGE_ROWS))
        return {
            "usage": [usage_row(each) for each in usages],
            "unmapped": [unmapped_row(each) for each in unmapped],
            "users": [user_row(each) for each in islice(reversed(self._account.users), PAGE_ROWS)],
        }

    async def _show_users(self, _: Command) -> Response:
        return json_response({"items": list(self._account.users)})

    async def _import_users(self, asked: Command) -> Response:
        given = await command(asked, GivenUsers)
        try:
            self._account.import_users(given.items)
        except FaultError as error:
            raise InvalidError(str(error), "items") from error
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _show_flags(self, _: Command) -> Response:
        return json_response({"items": flags(self._account.users)})

    async def _show_usage(self, asked: Command) -> Response:
        ledger = self._account.ledger
        items = ledger.newest(limit_of(asked))
        return json_response({"items": items, "count": ledger.count, "totals": ledger.totals})

    async def _import_usage(self, asked: Command) -> Response:
        for usage in (await command(asked, GivenUsage)).items:
            self._account.ledger.record(usage)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _show_unmapped(self, asked: Command) -> Response:
        newest = self._unmapped.newest(limit_of(asked))
        items = [{"at": track.at, "event": track.raw} for track in newest]
        counts = groups(track for _, track in self._unmapped.tracks())
        return json_response({"items": items, "count": len(self._unmapped), **counts})

    async def _set(self, asked: Command) -> Response:
        self._account.settings = await command(asked, Settings)
        remap(self._account, self._unmapped, self._account.settings.now or self._clock())
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _unset(self, _: Command) -> Response:
        self._account.settings = Settings()
        return Response(status_code=HTTPStatus.NO_CONTENT)


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


def unmapped_row(track: Track) -> dict[str, object]:
    """A track for the page; its properties as text."""
    event = track.event
    properties = msgspec.json.encode(event.properties).decode()
    return {
        "received": track.at,
        "userId": event.user_id,
        "event": event.event if isinstance(event.event, str) else None,
        "properties": properties,
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
