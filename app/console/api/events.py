"""Events: where one is; and what came of those of every source."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app import items
from app.console.api.answers import answer, page
from app.console.api.asked import TEXT_MAX, TheDesk, router
from app.console.api.faults import explained
from app.console.api.shapes.events import Rejections, Source, Trace
from app.console.api.shapes.lists import Page
from app.counters import samples, tally
from app.operating import Absent
from app.overview import known
from app.trace import Wanted, traces

routes = router("events and sources")

MessageId = Annotated[str, Path(description="The event's messageId.", examples=["9f6d-1"])]
SourceId = Annotated[str, Path(description="Its id in the settings.", examples=["web"])]
OfSource = Annotated[str | None, Query(max_length=TEXT_MAX, description="Only of this source.")]
OfUser = Annotated[
    str | None,
    Query(
        max_length=TEXT_MAX,
        description="Its userId, else anonymousId; spares most of the search.",
    ),
]


@routes.get("/events/{message_id:path}", response_model=Trace, responses=explained(404, 422))
def trace_event(
    message_id: MessageId, desk: TheDesk, source: OfSource = None, user: OfUser = None
) -> Response:
    """Show where the deliveries of an event are, and what happened to them.

    404 for one that was never accepted, or is finished for longer than `dedupe_window`.
    """
    wanted = Wanted(message_id, source, user)
    found = [
        one
        for account in known(desk.store, desk.settings)
        for one in traces(desk.store, account, wanted, desk.settings.sources)
    ]
    if not found:
        told = f"{message_id} was never accepted, or is finished for longer than dedupe_window"
        raise Absent("unknown_event", told)
    return answer({"deliveries": [items.trace(one) for one in found]})


@routes.get("/sources", response_model=Page[Source])
def list_sources(desk: TheDesk) -> Response:
    """List sources, with what came of their events."""
    sources = desk.settings.sources
    return page([items.source(source, tally(desk.store, source)) for source in sources])


@routes.get(
    "/sources/{source}/rejections", response_model=Page[Rejections], responses=explained(404, 422)
)
def list_rejections(source: SourceId, desk: TheDesk) -> Response:
    """List what of a source was refused, by code, with the newest ten of each."""
    if source not in desk.settings.sources:
        expected = ", ".join(desk.settings.sources)
        told = f"there is no source {source}; expected one of: {expected}"
        raise Absent("unknown_source", told)
    refused = tally(desk.store, source).refused
    return page(
        [
            items.rejections(source, code, count, samples(desk.store, source, code))
            for code, count in refused.items()
        ]
    )
