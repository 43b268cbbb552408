"""What no rule maps yet, one by one or counted."""

from starlette.responses import Response

from app import items
from app.console.api.answers import answer, page
from app.console.api.asked import (
    Cursor,
    DestinationId,
    Limit,
    Looking,
    TheDesk,
    decimal,
    placed,
    router,
)
from app.console.api.faults import explained
from app.console.api.shapes.lists import Page
from app.console.api.shapes.rules import Unmapped, UnmappedGroups
from app.unmapped import UnmappedEvents

routes = router("rules")


@routes.get(
    "/destinations/{destination}/unmapped",
    response_model=Page[Unmapped],
    responses=explained(404, 422),
)
def list_unmapped(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List what is unmapped, the newest first."""
    account = operator.account(destination)
    found = UnmappedEvents(desk.store, account.id).page(placed(cursor, decimal), limit)
    return page([items.unmapped(account.id, one) for one in found.items], found.next_cursor)


@routes.get(
    "/destinations/{destination}/unmapped/groups",
    response_model=UnmappedGroups,
    responses=explained(404, 422),
)
def list_unmapped_groups(destination: DestinationId, desk: TheDesk, operator: Looking) -> Response:
    """Count what is unmapped by event name, and by the values of its properties."""
    account = operator.account(destination)
    found = UnmappedEvents(desk.store, account.id).groups()
    return answer(items.unmapped_groups(account.id, found))
