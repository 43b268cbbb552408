"""Puts the API together: its routes, its faults, its description."""

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from app.console.api import (
    about,
    actions,
    destinations,
    events,
    faults,
    flags,
    letters,
    letters_changed,
    moved,
    rules,
    unmapped,
)
from app.console.desk import Desk

ROUTERS = (
    destinations.routes,
    letters.routes,
    letters_changed.routes,
    moved.routes,
    events.routes,
    rules.routes,
    unmapped.routes,
    flags.routes,
    actions.routes,
    about.routes,
)
DESCRIPTION = """\
What operators see and do, for programs. Moments are ISO 8601 in UTC. Lists are
`{"items": [...], "next_cursor": ...}`; give `next_cursor` as `cursor` for more. Every answer that
is no success is `{"error": {"code", "message", "field"}}`. Events stand in answers with their
values as they came, so read large numbers with a parser that keeps them.
"""
BEARER = HTTPBearer(auto_error=False, description="The token of an operator of the settings.")


def api(desk: Desk) -> FastAPI:
    """The API under `/api`; what stands before it has let nobody pass without a token."""
    app = FastAPI(
        title="Usage Relay",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_named,
        dependencies=[Security(BEARER)],
        responses=faults.explained(401, 503),
    )
    app.state.desk = desk
    faults.install(app, [route for router in ROUTERS for route in router.routes])
    for router in ROUTERS:
        app.include_router(router)
    return app


def _named(route: APIRoute) -> str:
    return route.name
