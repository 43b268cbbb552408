"""The login: a form of one field, which needs no script, and the way out."""

import time
from html import escape
from typing import Final
from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.console.desk import Desk
from app.console.session import COOKIE, LASTS

BODY_MAX = 8_192
WRONG: Final = "This is the token of no operator. The settings name them under operators."

_log = structlog.get_logger(__name__)

PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · Usage Relay</title>
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="/static/console.css">
</head>
<body class="login">
<main>
<h1>Usage Relay</h1>
<form method="post" action="/login{query}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
{fault}</form>
<p>A token is set as <code>operators.&lt;name&gt;.token</code>; that of <code>relay dev</code> is
<code>dev</code>.</p>
</main>
</body>
</html>
"""


def register(app: FastAPI, desk: Desk) -> None:
    """Adds `/login` and `/logout`."""

    async def form(request: Request) -> Response:
        return _page(request, "", 200)

    async def enter(request: Request) -> Response:
        operator = desk.door.by_token(await _token(request))
        if operator is None:
            _log.warning("login.refused")
            return _page(request, WRONG, 401)
        answer = RedirectResponse(_next(request), 303)
        answer.set_cookie(
            COOKIE,
            desk.door.session(operator, int(time.time())),
            max_age=int(LASTS.total_seconds()),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    async def leave(_: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    app.add_route("/login", form, methods=["GET"])
    app.add_route("/login", enter, methods=["POST"])
    app.add_route("/logout", leave, methods=["POST"])


def _page(request: Request, fault: str, status: int) -> HTMLResponse:
    query = f"?{escape(request.url.query)}" if request.url.query else ""
    told = f'<p role="alert">{escape(fault)}</p>\n' if fault else ""
    return HTMLResponse(PAGE.format(query=query, fault=told), status)


async def _token(request: Request) -> str:
    """What the form holds; empty for one that is too large."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MAX:
            return ""
    return parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()


def _next(request: Request) -> str:
    """Where it was going: a path of this site, never another one."""
    wanted = request.query_params.get("next", "/")
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_path and wanted.isprintable() else "/"
