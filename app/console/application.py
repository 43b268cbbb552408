"""Puts the console together: the guard, the pages and, on the same application, the API."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import ui
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import reports, telemetry
from app.console import faults, pages
from app.console.access import Guard
from app.console.api import api, metrics
from app.console.desk import Desk
from app.console.pages import login
from app.console.session import Door
from app.console.watch import Watch
from app.destinations import ACCOUNTS
from app.operating import Discards
from app.settings import Settings, load_or_exit
from app.store import connect

# Each counting or discarding that somebody watches takes one, beside the looks that all share.
THREADS = 40
STATIC = Path(__file__).parent / "static"
NO_OPERATORS = """\
the console needs an operator: set operators.<name>.token in relay.toml, or
RELAY_OPERATORS__<name>__TOKEN
"""


def application() -> ASGIApp:
    """The console of this process's settings, which must name an operator."""
    settings = load_or_exit(ACCOUNTS)
    if not settings.operators:
        raise SystemExit(NO_OPERATORS)
    telemetry.configure(settings)
    return reports.watched(console(settings), settings)


def console(settings: Settings) -> ASGIApp:
    """The console of these settings; there can be one in a process."""
    store = connect(settings.store_url.get_secret_value())
    watch, discards = Watch(store, settings), Discards()
    desk = Desk(store, settings, Door(settings.operators), watch, discards)

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
        yield
        discards.close()
        store.close()

    app = FastAPI(title="Usage Relay", openapi_url=None, docs_url=None, lifespan=living)
    app.add_route("/healthz", _alive)
    machines = _Whole(api(desk))
    app.router.routes.append(Route("/api", machines))
    app.mount("/api", machines)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(metrics.router(desk))
    login.register(app, desk)
    pages.register(desk)
    faults.register()
    ui.run_with(
        app,
        title="Usage Relay",
        favicon=STATIC / "favicon.svg",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
        binding_refresh_interval=None,
    )
    return Guard(app, desk.door)


class _Whole:
    """An application whose routes are whole paths, though it is mounted below one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root_path = scope.get("app_root_path", scope.get("root_path", ""))
        await self._app({**scope, "root_path": root_path}, receive, send)


async def _alive(_: Request) -> JSONResponse:
    return JSONResponse({"alive": True})
