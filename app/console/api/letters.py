"""Dead letters as they lie: lists, groups, one of them, all in a file."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response, StreamingResponse

from app import items
from app.console.api.answers import NOT_KEPT, answer, page
from app.console.api.asked import (
    DestinationId,
    LetterFilter,
    LetterId,
    LetterPage,
    Looking,
    Reason,
    TheDesk,
    decimal,
    placed,
    router,
)
from app.console.api.faults import explained
from app.console.api.shapes.letters import ExportedLetter, Group, Letter, OpenedLetter
from app.console.api.shapes.lists import Page
from app.dead_letters import BuriedAgain, DeadLetters, Filter
from app.operating import Absent, no_letter
from app.settings import DestinationSettings

NDJSON = "application/x-ndjson"

routes = router("dead letters")

OfReason = Annotated[Reason | None, Query(description="Only of this reason.")]


@routes.get(
    "/destinations/{destination}/dead-letters",
    response_model=Page[Letter],
    responses=explained(404, 422),
)
def list_dead_letters(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    asked: Annotated[LetterPage, Query()],
) -> Response:
    """List dead letters, the newest first.

    A search by two things, such as event and user, looks at some thousand letters with each
    call: while there is a `next_cursor` there may be more, even when a page is empty.
    """
    account = operator.account(destination)
    after = placed(asked.cursor, decimal)
    found = DeadLetters(desk.store, account).page(asked.read(), after, asked.limit)
    listed = [items.letter(account.id, one.id, one.letter) for one in found.items]
    return page(listed, found.next_cursor)


@routes.get(
    "/destinations/{destination}/dead-letters/groups",
    response_model=Page[Group],
    responses=explained(404, 422),
)
def list_dead_letter_groups(
    destination: DestinationId, desk: TheDesk, operator: Looking, reason: OfReason = None
) -> Response:
    """List what failed alike, with counts; the group with the newest letter first."""
    account = operator.account(destination)
    found = DeadLetters(desk.store, account).groups(reason)
    return page([items.group(account.id, one) for one in found])


@routes.get(
    "/destinations/{destination}/dead-letters/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "model": ExportedLetter,
            "description": "One letter a line, the oldest first.",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        },
        **explained(404, 422),
    },
)
def export_dead_letters(
    destination: DestinationId,
    desk: TheDesk,
    operator: Looking,
    asked: Annotated[LetterFilter, Query()],
) -> Response:
    """Write letters and their events as NDJSON."""
    account, chosen = operator.account(destination), asked.read()
    letters = DeadLetters(desk.store, account)
    lines = _lines(letters, account, chosen)
    return StreamingResponse(lines, headers=NOT_KEPT, media_type=NDJSON)


@routes.get(
    "/destinations/{destination}/dead-letters/{letter}",
    response_model=OpenedLetter,
    responses=explained(404, 422),
)
def show_dead_letter(
    destination: DestinationId, letter: LetterId, desk: TheDesk, operator: Looking
) -> Response:
    """Show one letter with its event and every attempt."""
    account = operator.account(destination)
    try:
        opened = DeadLetters(desk.store, account).open(letter)
    except BuriedAgain as again:
        raise Absent("buried_again", str(again)) from None
    if opened is None:
        raise no_letter(account.id, letter)
    return answer(items.opened(account.id, opened))


def _lines(letters: DeadLetters, account: DestinationSettings, chosen: Filter) -> Iterator[bytes]:
    for opened in letters.opened(chosen, letters.end()):
        yield msgspec.json.encode(items.exported(account.id, opened)) + b"\n"
