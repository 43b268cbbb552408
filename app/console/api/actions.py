"""What operators did."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app import items
from app.actions import KEPT, Actions
from app.console.api.answers import page
from app.console.api.asked import TEXT_MAX, Looking, TheDesk, router
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
    limit: Annotated[int, Query(ge=1, le=KEPT, description="How many at most.")] = 50,
) -> Response:
    """List what operators did, the newest first; the newest 1,000 of a destination are kept."""
    accounts = (
        known(desk.store, desk.settings)
        if destination is None
        else [operator.account(destination)]
    )
    found = [
        (account.id, one)
        for account in accounts
        for one in Actions(desk.store, account.id).newest(limit)
    ]
    found.sort(key=lambda pair: pair[1].at, reverse=True)
    return page([items.action(id_, one) for id_, one in found[:limit]])
