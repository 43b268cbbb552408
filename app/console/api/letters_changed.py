"""What changes dead letters: another event, a replay, a discard."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from app import items
from app.console.api.answers import answer
from app.console.api.asked import (
    Acting,
    DestinationId,
    LetterId,
    Letters,
    Raw,
    TheDiscards,
    router,
)
from app.console.api.faults import explained
from app.console.api.shape import told
from app.console.api.shapes.letters import Begun, DiscardSurvey, OpenedLetter, ReplaySurvey
from app.console.api.shapes.samples import EVENT
from app.operating import Absent

QUICK_S = 1.0

routes: APIRouter = router("dead letters")


class LettersToDiscard(Letters):
    """Which letters to let go of; `as` counts them as discarded, or as delivered."""

    as_: Literal["discarded", "delivered"] = told("discarded", default="discarded", alias="as")


@routes.put(
    "/destinations/{destination}/dead-letters/{letter}/payload",
    response_model=OpenedLetter,
    responses=explained(403, 404, 409, 413, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The new event; its values are kept as the bytes that come.",
            "content": {"application/json": {"schema": {"type": "object"}, "example": EVENT}},
        }
    },
)
def edit_dead_letter(
    destination: DestinationId, letter: LetterId, operator: Acting, event: Raw
) -> Response:
    """Give a letter another event: the same messageId, a type that the destination accepts.

    Nothing is sent until it is replayed. It keeps timestamp, originalTimestamp, sentAt and
    receivedAt where the new event has none; the first event stays beside it as `original`.
    """
    return answer(items.opened(destination, operator.edit(destination, letter, event)))


@routes.post(
    "/destinations/{destination}/dead-letters/replay",
    response_model=ReplaySurvey,
    responses={
        202: {"model": Begun, "description": "It has begun; `count` letters are replayed."},
        **explained(403, 404, 409, 413, 422),
    },
)
def replay_dead_letters(destination: DestinationId, operator: Acting, wish: Letters) -> Response:
    """Send letters again, at most `rate` a second; with `dry_run` only count them.

    They go through transform again, with the id that they had. What is unconfirmed stays unless
    the filter names that reason or its ids are given: it may be billed twice. A destination has
    one replay at a time (else 409, code `replay_running`).
    """
    survey = operator.replay_survey(destination, wish.chosen)
    _expect_some(survey.count, wish)
    if wish.dry_run:
        return answer(items.survey(survey))
    begun = operator.replay(destination, wish.chosen, wish.rate, survey)
    return answer({"id": begun.id, "count": begun.total}, HTTPStatus.ACCEPTED)


@routes.post(
    "/destinations/{destination}/dead-letters/discard",
    response_model=DiscardSurvey,
    responses={
        202: {"model": Begun, "description": "It has begun, or is done; /api/discards tells."},
        **explained(403, 404, 409, 413, 422),
    },
)
def discard_dead_letters(
    destination: DestinationId, operator: Acting, discards: TheDiscards, wish: LettersToDiscard
) -> Response:
    """Let go of letters for good; with `dry_run` only count them.

    It takes what matches now; what is buried later stays.
    """
    survey = operator.discard_survey(destination, wish.chosen)
    _expect_some(survey.count, wish)
    if wish.dry_run:
        return answer(items.discard_survey(survey))
    begun = discards.begin(operator, destination, wish.chosen, wish.as_, survey, wish.rate)
    discards.one(begun.id, within_s=QUICK_S)  # who asks again at once finds a few gone
    return answer({"id": begun.id, "count": begun.total}, HTTPStatus.ACCEPTED)


def _expect_some(count: int, wish: Letters) -> None:
    """Raises Absent where letters are named and none of them is there."""
    if wish.ids and not count:
        told = "none of these letters is there: they were replayed or discarded"
        raise Absent("unknown_letter", told, "ids")
