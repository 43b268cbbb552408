"""The sandbox as one Starlette application: the partners, and a page that shows what arrives."""

from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from app.sandbox.command import InvalidError, invalid_response, json_response
from app.sandbox.control import control_routes, live
from app.sandbox.partner import Partner

PAGE = Path(__file__).with_name("page.html")


def application(partners: Sequence[Partner]) -> Starlette:
    async def show_live(_: Request) -> Response:
        return json_response({"partners": [live(partner) for partner in partners]})

    return Starlette(
        routes=[
            Route("/", show_page, methods=["GET"]),
            Route("/healthz", show_health, methods=["GET"]),
            Route("/_live", show_live, methods=["GET"]),
            *(mount(partner) for partner in partners),
        ],
        exception_handlers={InvalidError: invalid_response},
    )


def mount(partner: Partner) -> Mount:
    # A Mount takes only what lies below its path, a Route only the path itself.
    apis = [
        api
        for path in partner.contract.paths
        for api in (Route(path, partner), Mount(path, app=partner))
    ]
    routes = [*control_routes(partner), *partner.contract.routes(), *apis]
    return Mount(f"/{partner.contract.name}", routes=routes)


async def show_page(_: Request) -> Response:
    return HTMLResponse(PAGE.read_bytes())


async def show_health(_: Request) -> Response:
    return PlainTextResponse("ok\n")
