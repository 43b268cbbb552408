"""What could not be delivered: what failed alike, then letter by letter, and the verbs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import redis
from nicegui import ui
from starlette.requests import Request

from app.clock import milliseconds
from app.console.desk import Desk
from app.console.frame import framed
from app.console.letters.acting import Acting
from app.console.letters.asked import SORTS, Asked, asked
from app.console.letters.filtering import faults, filter_bar
from app.console.letters.shown import group_row, letter_row, moment
from app.console.listing import Column, listing
from app.console.live import Shared
from app.console.session import Operator
from app.console.widgets import choice, counted, nothing, section, whole
from app.dead_letters import Buried, DeadLetters, Group, merged, trends
from app.dead_letters.trends import GROUPS_MAX
from app.settings import DestinationSettings

PATH: Final = "/dead-letters"
SHOWN: Final = 50
EVERY_S: Final = 5.0
GROUPS: Final = (
    Column("message", "What failed", "wide", link="open"),
    Column("reason", "Reason", "word"),
    Column("status", "Status", "short"),
    Column("destination", "Destination", "short"),
    Column("count", "Letters", "number", link="open"),
    Column("trend", "Last 24 hours", "trend"),
    Column("last", "Newest (UTC)", "moment"),
    Column("first", "Oldest (UTC)", "moment"),
    Column("sample", "Sample", "short", link="letter"),
)
LETTERS: Final = (
    Column("buried", "Buried (UTC)", "moment", link="open"),
    Column("reason", "Reason", "word"),
    Column("event", "Event"),
    Column("user", "User"),
    Column("message_id", "Message id"),
    Column("message", "What failed", "wide", link="open"),
    Column("attempts", "Attempts", "number"),
    Column("destination", "Destination", "short"),
)
NOTHING: Final = "Nothing failed: no delivery waits for a decision."


@dataclass(frozen=True, slots=True)
class Grouped:
    """A group of a destination, and how many were buried in each of the last hours."""

    destination: str
    group: Group
    trend: Sequence[int]


@dataclass(frozen=True, slots=True)
class Letters:
    """A page of letters, and how many were looked at to find them."""

    found: Sequence[tuple[str, Buried]]
    cursor: str | None
    looked: int


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page(PATH, response_timeout=20)
    async def page(request: Request) -> None:
        accounts = await desk.accounts()
        wish = asked(request.query_params, accounts)
        chosen = list(accounts.values())
        if wish.destination is not None:
            chosen = [accounts[wish.destination]]

        async def groups() -> list[Grouped]:
            about = wish.destination, wish.filter, wish.typed.get("sort")
            return await shared.of(about, partial(grouped, desk, chosen, wish))

        alike = [] if wish.searches else await groups()
        found = None
        if wish.narrows or wish.destination:
            found = await asyncio.to_thread(listed, desk, chosen, wish)
        with framed(desk, request, "Dead letters") as operator:
            filter_bar(PATH, wish, accounts)
            faults(wish)
            if not wish.searches:
                _Groups(wish, groups).show(alike)
            if found is not None:
                one = _one_destination(wish, alike, accounts)
                _letters(desk, operator, wish, one, found)


def grouped(desk: Desk, accounts: Sequence[DestinationSettings], wish: Asked) -> list[Grouped]:
    """The groups that the wish names, sorted as it says."""
    found: list[tuple[str, Group]] = []
    for account in accounts:
        groups = DeadLetters(desk.store, account).groups(wish.filter.reason)
        named = wish.filter.group
        found += [(account.id, one) for one in groups if named in (None, one.id)]
    by_count = wish.typed.get("sort") == SORTS[1]
    found.sort(key=lambda pair: pair[1].count if by_count else pair[1].last_at, reverse=True)
    return _with_trends(desk, found)


def _with_trends(desk: Desk, found: Sequence[tuple[str, Group]]) -> list[Grouped]:
    """Those of the first of them; of the others nobody asks the store."""
    now, first = milliseconds(), found[:GROUPS_MAX]
    known_trends = {
        id_: trends(desk.store, id_, [one.id for of, one in first if of == id_], now)
        for id_ in {of for of, _ in first}
    }
    return [Grouped(id_, one, known_trends.get(id_, {}).get(one.id, ())) for id_, one in found]


def listed(desk: Desk, accounts: Sequence[DestinationSettings], wish: Asked) -> Letters:
    """The next letters that match, of all these destinations."""
    pages = {
        one.id: DeadLetters(desk.store, one).page(wish.filter, wish.cursor, SHOWN)
        for one in accounts
    }
    found, cursor = merged(pages, SHOWN)
    return Letters(found, cursor, sum(page.looked for page in pages.values()))


def _one_destination(
    wish: Asked, groups: Sequence[Grouped], accounts: Mapping[str, object]
) -> str | None:
    """The destination that all that match are of; None where there may be several."""
    named = {wish.destination} if wish.destination else {*accounts}
    if wish.filter.group is not None:
        named &= {one.destination for one in groups}
    return next(iter(named)) if len(named) == 1 else None


class _Groups:
    """What failed alike; it follows the store in its place, so that the focus stays."""

    def __init__(self, wish: Asked, read: Callable[[], Awaitable[list[Grouped]]]) -> None:
        self._wish, self._read = wish, read

    def show(self, groups: Sequence[Grouped]) -> None:
        with ui.row().classes("relay-head"):
            section("What failed alike")
            self._sum = ui.label(summed(groups)).classes("relay-note")
            if len(groups) > 1:
                sorts = {f"By {one}": self._wish.there(PATH, sort=one) for one in SORTS}
                choice("Sort", sorts, f"By {self._wish.typed.get('sort', SORTS[0])}")
        if not groups:
            nothing("Nothing matches." if self._wish.narrows else NOTHING)
            return
        self._table = listing(shown(GROUPS, self._wish), self._rows(groups))
        if len(groups) > GROUPS_MAX:
            more = counted(len(groups) - GROUPS_MAX, "more group")
            nothing(f"{more}: filter by destination or reason")
        ui.timer(EVERY_S, self._look, immediate=False)

    async def _look(self) -> None:
        try:
            groups = await self._read()
        except redis.RedisError:
            return  # the banner says so, and what is shown stays
        self._sum.set_text(summed(groups))
        self._table.rows = self._rows(groups)

    def _rows(self, groups: Sequence[Grouped]) -> list[dict[str, object]]:
        shown = groups[:GROUPS_MAX]
        return [
            dict(group_row(one.destination, one.group, one.trend, self._wish)) for one in shown
        ]


def shown(columns: Sequence[Column], wish: Asked) -> list[Column]:
    """The columns without what is the same in every row."""
    return [one for one in columns if one.name != "destination" or not wish.destination]


def summed(groups: Sequence[Grouped]) -> str:
    """How many groups, and how many letters are in them."""
    letters = sum(one.group.count for one in groups)
    return f"{counted(len(groups), 'group')}, {counted(letters, 'letter')}"


def _letters(
    desk: Desk, operator: Operator, wish: Asked, destination: str | None, found: Letters
) -> None:
    """The letters that match, and what may be done with them."""
    with ui.row().classes("relay-head"):
        section("Letters")
        ui.label(told(found)).classes("relay-note")
    acting = None
    if not operator.read_only and (found.found or found.cursor):
        of = {one.id: destination for destination, one in found.found}
        acting = Acting(desk, operator, of, destination, wish.filter, wish.faults)
        acting.show()
    if found.found:
        rows = [letter_row(destination, one, wish) for destination, one in found.found]
        listing(shown(LETTERS, wish), rows, None if acting is None else acting.choose)
    if found.cursor is not None:
        ui.link("Older ones", wish.there(PATH, cursor=found.cursor))


def told(found: Letters) -> str:
    """How many are shown, and how far was looked."""
    shown = f"{whole(len(found.found))} shown, the newest first"
    if found.cursor is None or len(found.found) >= SHOWN:
        return shown
    until = moment(int(found.cursor) // 1000)
    return f"{shown}; looked at {whole(found.looked)} letters until {until}: go on with the older"
