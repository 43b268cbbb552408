"""Flags: what somebody has to do at a destination by hand, and that it was done."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app import items
from app.console.api.answers import answer, page
from app.console.api.asked import (
    TEXT_MAX,
    Acting,
    Cursor,
    DestinationId,
    Limit,
    Looking,
    TheDesk,
    placed,
    router,
)
from app.console.api.faults import explained
from app.console.api.shapes.about import Flag
from app.console.api.shapes.lists import Page
from app.flags import Flags, Place
from app.operating import Absent

routes = router("flags")

FlagId = Annotated[str, Path(description="As a list names it.", examples=["5f1c0d7a9be24c66"])]
OfUser = Annotated[str | None, Query(max_length=TEXT_MAX, description="Only of this user.")]


@routes.get(
    "/destinations/{destination}/flags", response_model=Page[Flag], responses=explained(404, 422)
)
def list_flags(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    user: OfUser = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List what its API cannot do and somebody does there by hand, the newest first."""
    account = operator.account(destination)
    found = Flags(desk.store, account.id).page(placed(cursor, Place.parse), limit, user)
    next_cursor = None if found.cursor is None else str(found.cursor)
    return page([items.flag(account.id, one) for one in found.flags], next_cursor)


@routes.post(
    "/destinations/{destination}/flags/{flag}/resolve",
    response_model=Flag,
    responses=explained(403, 404, 422),
)
def resolve_flag(destination: DestinationId, flag: FlagId, operator: Acting) -> Response:
    """Say that somebody has done what a flag asks for; a later event may raise it again."""
    done = operator.resolve(destination, (flag,))
    if not done.flags:
        raise Absent("unknown_flag", f"{destination} has no flag {flag}")
    return answer(items.flag(destination, done.flags[0]))
