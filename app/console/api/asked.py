"""What endpoints are asked with: who asks, of which destination, which letters, which page."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from fastapi.routing import APIRoute
from pydantic import Field, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.console.access import operator_of
from app.console.api.faults import ReadOnlyError
from app.console.api.shape import Shape, one_of, told
from app.console.desk import Desk
from app.dead_letters import Filter
from app.operating import Discards, Operator, Wrong
from app.replays import IDS_MAX, RATE_MAX, Chosen

BODY_BYTES_MAX = 1024 * 1024
LIMIT_MAX = 500
Place = TypeVar("Place")
TEXT_MAX = 1_000
TOO_LARGE = 413


def desk_of(request: Request) -> Desk:
    desk = request.app.state.desk
    assert isinstance(desk, Desk)  # noqa: S101 - narrows what Starlette leaves untyped
    return desk


def discards_of(request: Request) -> Discards:
    return desk_of(request).discards


def looking(request: Request) -> Operator:
    """Who asks, to look at something."""
    desk = desk_of(request)
    return Operator(desk.store, desk.settings, operator_of(request).name)


def acting(request: Request) -> Operator:
    """Who asks, to change something. Raises ReadOnlyError."""
    if operator_of(request).read_only:
        raise ReadOnlyError
    return looking(request)


async def raw(request: Request) -> bytes:
    """The body as it came."""
    return await request.body()


TheDesk = Annotated[Desk, Depends(desk_of)]
TheDiscards = Annotated[Discards, Depends(discards_of)]
Looking = Annotated[Operator, Depends(looking)]
Acting = Annotated[Operator, Depends(acting)]
Raw = Annotated[bytes, Depends(raw)]

DestinationId = Annotated[str, Path(description="Its id in the settings.", examples=["kable"])]
LetterId = Annotated[
    str, Path(description="As a list names it.", examples=["3-1767225600000-0.hefg8dts00"])
]
Reason = Literal["rejected", "exhausted", "unconfirmed", "untransformable", "poison"]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="The `next_cursor` of the page before.")
]


def placed(cursor: str | None, parse: Callable[[str], Place]) -> Place | None:
    """Where a page begins. Raises Wrong for what no page gave."""
    try:
        return None if cursor is None else parse(cursor)
    except ValueError as wrong:
        raise Wrong("bad_cursor", str(wrong), "cursor") from None


def decimal(cursor: str) -> str:
    """A cursor that is a number. Raises ValueError."""
    if not cursor.isdecimal():
        raise ValueError(f"expected a cursor that a page gave; found {cursor}")
    return cursor


def router(tag: str) -> APIRouter:
    """Endpoints of one kind."""
    return APIRouter(prefix="/api", tags=[tag], route_class=_Bounded)


class LetterFilter(Shape):
    """Which dead letters: every member that is given must match."""

    reason: Reason | None = told("rejected", default=None)
    group: Text | None = told("5da9ce0a85cb", default=None)
    event: Text | None = told(None, "Its name, or its type.", default=None)
    user: Text | None = told(None, default=None)
    message_id: Text | None = told(None, "Finds its parts as well.", default=None)
    since: Text | None = told(
        None, "Buried then or later: 2026-05-01, 2026-05-01T09:30:00Z.", default=None
    )
    until: Text | None = told(None, "Buried before that.", default=None)

    def read(self) -> Filter:
        """Raises BadFilter."""
        return Filter.read({name: getattr(self, name) for name in LetterFilter.model_fields})


class LetterPage(LetterFilter):
    """Which dead letters, and which page of them."""

    limit: int = told(50, "How many at most.", default=50, ge=1, le=LIMIT_MAX, strict=False)
    cursor: str | None = told(
        None, "The `next_cursor` of the page before.", default=None, max_length=200
    )


class Letters(Shape):
    """Which letters, by their ids or by a filter (`{}` means all), and how fast."""

    model_config = one_of("ids", "filter")

    ids: list[Annotated[str, Field(max_length=TEXT_MAX)]] | None = told(
        None, default=None, min_length=1, max_length=IDS_MAX
    )
    filter: LetterFilter | None = Field(default=None, examples=[{"group": "5da9ce0a85cb"}])
    rate: float | None = told(50, "Letters a second at most.", default=None, ge=1, le=RATE_MAX)
    dry_run: bool = told(example=False, description="Count, and change nothing.", default=False)

    @model_validator(mode="after")
    def _says_which(self) -> "Letters":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("expected either ids or filter; found both or none")
        return self

    @property
    def chosen(self) -> Chosen:
        """Raises BadFilter."""
        return tuple(self.ids or ()) if self.filter is None else self.filter.read()


class _Request(Request):
    """A request whose body is bounded, and JSON of whatever Content-Type."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = b"".join([chunk async for chunk in self._chunks()])
        return self._body

    async def json(self) -> object:
        try:
            return msgspec.json.decode(await self.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    async def _chunks(self) -> Any:  # noqa: ANN401 - an async generator
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > BODY_BYTES_MAX:
                told = f"expected a body of at most {BODY_BYTES_MAX:,} bytes; found more"
                raise HTTPException(TOO_LARGE, told, {"Connection": "close"})
            yield chunk


class _Bounded(APIRoute):
    """Reads bodies as _Request does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handling(request: Request) -> Response:
            others = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
            headers = [*others, (b"content-type", b"application/json")]
            return await handler(_Request({**request.scope, "headers": headers}, request.receive))

        return handling
