"""What operators did."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app import items
from app.actions import KEPT, Place
from app.actions import page as newest
from app.console.api.answers import page
from app.console.api.asked import TEXT_MAX, Cursor, Looking, TheDesk, placed, router
from app.console.api.faults import explained
from app.console.api.shapes.about import Action
from app.console.api.shapes.lists import Page
from app.overview import known

routes = router("actions")

Only = Annotated[str | None, Query(max_length=TEXT_MAX, description="Only at this destination.")]


@routes.get("/actions", response_model=Page[Action], responses=explained(404, 422))
def list_actions(
    desk: TheDesk,
    operator: Looking,
    destination: Only = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=KEPT, description="How many at most.")] = 50,
) -> Response:
    """List what operators did, the newest first; the newest 1,000 of a destination are kept."""
    accounts = (
        known(desk.store, desk.settings)
        if destination is None
        else [operator.account(destination)]
    )
    names = [account.id for account in accounts]
    found = newest(desk.store, names, placed(cursor, Place.parse), limit)
    next_cursor = None if found.cursor is None else str(found.cursor)
    return page([items.action(id_, one) for id_, one in found.items], next_cursor)
