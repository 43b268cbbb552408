"""Replays and discards: how far they are, and their end."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app import items
from app.console.api.answers import answer, page
from app.console.api.asked import TEXT_MAX, Acting, Looking, TheDesk, TheDiscards, router
from app.console.api.faults import explained
from app.console.api.shapes.lists import Page
from app.console.api.shapes.moved import Discard, Replay
from app.console.api.shapes.samples import REPLAY
from app.moving import newest_replays, told
from app.operating import Absent
from app.operating import Discard as Discarded
from app.overview import known

routes = router("replays and discards")

ReplayId = Annotated[str, Path(description="As its beginning answered it.", examples=[REPLAY])]
Only = Annotated[str | None, Query(max_length=TEXT_MAX, description="Only of this destination.")]


@routes.get("/replays", response_model=Page[Replay], responses=explained(404, 422))
def list_replays(desk: TheDesk, operator: Looking, destination: Only = None) -> Response:
    """List replays, the newest first; the newest 100 of a destination are kept."""
    accounts = (
        known(desk.store, desk.settings)
        if destination is None
        else [operator.account(destination)]
    )
    return page([items.replay(one) for one in newest_replays(desk.store, accounts)])


@routes.get("/replays/{replay}", response_model=Replay, responses=explained(404, 422))
def show_replay(replay: ReplayId, desk: TheDesk, operator: Looking) -> Response:
    """Show a replay: what it covers, who began it, what came of it."""
    return answer(items.replay(told(desk.store, operator.found_replay(replay)[1])))


@routes.post(
    "/replays/{replay}/cancel", response_model=Replay, responses=explained(403, 404, 409, 422)
)
def cancel_replay(replay: ReplayId, operator: Acting) -> Response:
    """Move no more of its letters; what is under way goes on. A second time is the same."""
    return answer(items.replay(operator.cancel(replay)))


@routes.get("/discards", response_model=Page[Discard])
def list_discards(discards: TheDiscards) -> Response:
    """List the discards of this console, the newest first; a restart forgets them."""
    return page([items.discard(one) for one in discards.newest()])


@routes.get("/discards/{discard}", response_model=Discard, responses=explained(404, 422))
def show_discard(discard: ReplayId, discards: TheDiscards) -> Response:
    """Show a discard: how far it is."""
    return _told(discard, discards.one(discard))


@routes.post(
    "/discards/{discard}/cancel", response_model=Discard, responses=explained(403, 404, 422)
)
def cancel_discard(discard: ReplayId, _operator: Acting, discards: TheDiscards) -> Response:
    """Let go of no more letters; those that are gone stay so."""
    return _told(discard, discards.cancel(discard))


def _told(id_: str, found: Discarded | None) -> Response:
    if found is None:
        raise Absent("unknown_discard", f"there is no discard {id_}; a restart forgets them")
    return answer(items.discard(found))
