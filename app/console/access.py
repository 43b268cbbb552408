"""Stands before everything that the console serves: nobody passes without a token or a session."""

import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.console.session import COOKIE, Door, Operator

OPEN: Final = frozenset({"/login", "/healthz", "/favicon.ico"})
ASSETS: Final = ("/_nicegui/", "/static/")
MACHINES: Final = ("/api", "/metrics")
ADDRESS_MAX = 4_096
NO_RESPONSE: Final = "No response returned."

# Vue compiles templates in the browser and NiceGUI writes its styles into the page.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss:",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)


class Guard:
    """An ASGI application around another one, which it tells who asks (`operator_of`)."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await _unless_gone(self._app, scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer to one who may not pass; None lets it pass, with its operator noted."""
        path, headers = str(scope["path"]), Headers(scope=scope)
        if scope["type"] == "http" and (path in OPEN or path.startswith(ASSETS)):
            return None
        if _is_within(path, MACHINES):
            operator, refusal = self._bearer(headers), _unauthorised()
        else:
            operator, refusal = self._session(headers), _to_login(scope)
        if operator is None or (scope["type"] == "websocket" and not _same_origin(headers)):
            return refusal
        scope.setdefault("state", {})["operator"] = operator
        return None

    def _bearer(self, headers: Headers) -> Operator | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self._door.by_token(token.strip()) if scheme.lower() == "bearer" else None

    def _session(self, headers: Headers) -> Operator | None:
        # The standard library's parser gives up at the first odd cookie of another application.
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return None if cookie is None else self._door.by_session(cookie, int(time.time()))


def operator_of(connection: HTTPConnection) -> Operator:
    """Who asks; the guard has let nobody else pass."""
    operator = connection.scope["state"]["operator"]
    assert isinstance(operator, Operator)  # noqa: S101 - narrows what ASGI leaves untyped
    return operator


def _is_within(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _unauthorised() -> Response:
    error = {
        "code": "unauthorised",
        "message": "expected the header Authorization: Bearer <token>, "
        "with the token of an operator of the settings",
        "field": None,
    }
    return Response(
        msgspec.json.encode({"error": error}),
        401,
        {"WWW-Authenticate": "Bearer"},
        "application/json",
    )


def _to_login(scope: Scope) -> Response:
    """To the login, and from there back to where it was going."""
    asked = str(scope["path"])
    if query := scope.get("query_string", b"").decode("latin-1"):
        asked += f"?{query}"
    after = "" if asked == "/" or len(asked) > ADDRESS_MAX else f"?next={quote(asked, safe='')}"
    return RedirectResponse(f"/login{after}", 303)


def _same_origin(headers: Headers) -> bool:
    """A browser says from where it connects; another site may not, cookie or no cookie."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _unless_gone(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Starlette's middleware raises where a browser left before its answer: nobody needs that."""
    gone = False

    async def receiving() -> Message:
        nonlocal gone
        message = await receive()
        gone = gone or message["type"] == "http.disconnect"
        return message

    try:
        await app(scope, receiving, send)
    except RuntimeError as fault:
        if not gone or str(fault) != NO_RESPONSE:
            raise


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending
