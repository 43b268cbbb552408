"""Destinations: how they stand, what they retry, their ledger by day; pause and resume."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app import items, shown
from app.clock import milliseconds
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
from app.console.api.shape import Shape, told
from app.console.api.shapes.destinations import Day, Destination, Pipeline, Retry, Shown
from app.console.api.shapes.lists import Page
from app.console.desk import Desk
from app.dead_letters import Filter
from app.ledger import DAYS_KEPT
from app.log import Log
from app.operating import Operator
from app.overview import standing_of, standings
from app.pipeline import pipeline
from app.presence import alive_since
from app.retries import Place, Retries

DAY_MS = 24 * 3_600_000

routes = router("destinations")

Moment = Annotated[
    str | None,
    Query(max_length=TEXT_MAX, description="A moment such as 2026-05-01 or 2026-05-01T09:30Z."),
]


class Pause(Shape):
    """Why nothing is sent."""

    reason: str = told("they move their servers", default="", max_length=TEXT_MAX)


@routes.get("/destinations", response_model=Page[Destination])
def list_destinations(desk: TheDesk) -> Response:
    """List all destinations, orphaned ones that hold something too."""
    now = milliseconds()
    found = standings(desk.store, desk.settings, alive_since(now))
    return page([items.destination(one, now) for one in found])


@routes.get(
    "/destinations/{destination}", response_model=Destination, responses=explained(404, 422)
)
def show_destination(destination: DestinationId, desk: TheDesk, operator: Looking) -> Response:
    """Show one destination."""
    return _standing(desk, operator, destination)


@routes.post(
    "/destinations/{destination}/pause",
    response_model=Destination,
    responses=explained(403, 404, 409, 413, 422),
)
def pause_destination(
    destination: DestinationId, desk: TheDesk, operator: Acting, wish: Pause | None = None
) -> Response:
    """Send nothing to it until it is resumed; its events wait in order.

    A second time changes only the reason.
    """
    operator.pause(destination, wish.reason if wish else "")
    return _standing(desk, operator, destination)


@routes.post(
    "/destinations/{destination}/resume",
    response_model=Destination,
    responses=explained(403, 404, 409, 422),
)
def resume_destination(destination: DestinationId, desk: TheDesk, operator: Acting) -> Response:
    """End its pause, whoever made it. Without a pause nothing changes."""
    operator.resume(destination)
    return _standing(desk, operator, destination)


@routes.get(
    "/destinations/{destination}/retries",
    response_model=Page[Retry],
    responses=explained(404, 422),
)
def list_retries(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List what is tried again, what is due first first."""
    account = operator.account(destination)
    retries = Retries(desk.store, account.id, Log(desk.store, account).layout.total)
    found = retries.page(placed(cursor, Place.parse), limit)
    next_cursor = None if found.cursor is None else str(found.cursor)
    return page([items.retry(account.id, one) for one in found.retries], next_cursor)


@routes.get(
    "/destinations/{destination}/days", response_model=Page[Day], responses=explained(404, 422)
)
def list_days(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    days: Annotated[int, Query(ge=1, le=DAYS_KEPT, description="How many, until today.")] = 30,
) -> Response:
    """List the ledger by day of acceptance (UTC), the newest first; days without events miss."""
    account = operator.account(destination)
    return page([items.day(one) for one in Log(desk.store, account).days(days)])


@routes.get(
    "/destinations/{destination}/pipeline",
    response_model=Pipeline,
    responses=explained(404, 422),
)
def show_pipeline(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    since: Moment = None,
    until: Moment = None,
    event: Annotated[
        str | None, Query(max_length=TEXT_MAX, description="Only this one of `events`.")
    ] = None,
) -> Response:
    """Count what became of its deliveries, by hour and by event; by default of the last day.

    The hours that `since` and `until` touch are counted as a whole, the newest 200.
    """
    account, asked, now = (
        operator.account(destination),
        Filter.read({"since": since, "until": until}),
        milliseconds(),
    )
    end = now if asked.until is None else asked.until
    begin = end - DAY_MS if asked.since is None else asked.since
    return answer(items.pipeline(account.id, pipeline(desk.store, account.id, begin, end, event)))


@routes.get(
    "/destinations/{destination}/shown", response_model=Page[Shown], responses=explained(404, 422)
)
def list_shown(destination: DestinationId, desk: TheDesk, operator: Looking) -> Response:
    """List what a dry run would have sent, the newest 100, the newest first."""
    account = operator.account(destination)
    return page([items.shown(one) for one in shown.newest(desk.store, account.id)])


def _standing(desk: Desk, operator: Operator, destination: str) -> Response:
    account, now = operator.account(destination), milliseconds()
    configured = destination in desk.settings.destinations
    standing = standing_of(desk.store, account, alive_since(now), configured=configured)
    return answer(items.destination(standing, now))
