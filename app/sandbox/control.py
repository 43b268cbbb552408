"""What every partner offers below `_`: its record, its misbehaviour, and to forget all."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.command import command, json_response, limit_of
from app.sandbox.misbehaviour import InForce, Misbehaviour
from app.sandbox.partner import Partner
from app.sandbox.record import Received

DONE = 204
PAGE_REQUESTS = 20


def control_routes(partner: Partner) -> list[Route]:
    async def received(request: Request) -> Response:
        newest = partner.record.newest(limit_of(request))
        return json_response({"requests": [in_full(each) for each in newest]})

    async def clear(_: Request) -> Response:
        partner.record.clear()
        return Response(status_code=DONE)

    async def misbehave(request: Request) -> Response:
        asked = await command(request, Misbehaviour)
        partner.misbehave(asked)
        return json_response(asked)

    async def behave(_: Request) -> Response:
        partner.behave()
        return Response(status_code=DONE)

    async def forget(_: Request) -> Response:
        partner.forget()
        return Response(status_code=DONE)

    return [
        Route("/_received", received, methods=["GET"]),
        Route("/_received", clear, methods=["DELETE"]),
        Route("/_answers", misbehave, methods=["POST"]),
        Route("/_answers", behave, methods=["DELETE"]),
        Route("/_state", forget, methods=["DELETE"]),
    ]


def live(partner: Partner) -> dict[str, object]:
    """What the page shows of a partner: totals, and the newest of all, newest first."""
    record = partner.record
    return {
        "name": partner.contract.name,
        "totals": {
            "requests": record.requests,
            **partner.contract.totals(),
            "refused": record.refused,
        },
        "misbehaviour": asked_and_struck(partner.in_force),
        "tables": partner.contract.tables(),
        "requests": [in_brief(each) for each in reversed(record.newest(PAGE_REQUESTS))],
    }


def asked_and_struck(in_force: InForce | None) -> dict[str, object] | None:
    if in_force is None:
        return None
    return {"asked": in_force.misbehaviour, "struck": in_force.applied}


def in_full(received: Received) -> dict[str, object]:
    request = received.request
    return {
        "at": request.at,
        "method": request.method,
        "path": request.path,
        "headers": request.headers,
        "body": request.body.decode(errors="replace"),
        "status": received.status,
    }


def in_brief(received: Received) -> dict[str, object]:
    request = received.request
    return {
        "at": request.at,
        "method": request.method,
        "path": request.path,
        "bytes": request.size,
        "status": received.status,
        "refused": received.refused,
    }
