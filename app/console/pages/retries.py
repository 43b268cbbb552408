"""Retries: what is tried again, the next first, and for which errors."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import redis
from nicegui import ui
from starlette.requests import Request

from app.clock import milliseconds
from app.console.desk import Desk
from app.console.frame import framed
from app.console.listing import Column, listing
from app.console.live import Shared
from app.console.retrying import PATH, Grouped, Listed, Wish, read, row, wished
from app.console.widgets import address, apart, choice, fault, nothing, section, whole

EVERY_S: Final = 5.0
ALL: Final = "All"
COLUMNS: Final = (
    Column("due", "Due (UTC)", "moment"),
    Column("in", "In", "short"),
    Column("destination", "Destination", "short"),
    Column("message_id", "Message id", link="trace"),
    Column("user", "User", link="of_user"),
    Column("attempts", "Attempts", "number"),
    Column("status", "Last status", "short"),
    Column("error", "Last error", "wide"),
    Column("behind", "Wait behind it", "number"),
)
ERRORS: Final = (
    Column("error", "Last error", "wide"),
    Column("status", "Status", "short"),
    Column("destination", "Destination", "short"),
    Column("count", "Of them", "number"),
)


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page(PATH, response_timeout=20)
    async def page(request: Request) -> None:
        accounts = await desk.accounts()
        wish = wished(request.query_params, list(accounts))
        chosen = [*accounts.values()]
        if wish.destination is not None:
            chosen = [accounts[wish.destination]]
        look = await desk.watch.look()
        waiting = {one.account.id: one.census.retrying for one in look.standings}
        with framed(desk, request, "Retries"):
            _choice(wish, list(accounts), waiting)
            for words in wish.faults:
                fault(words)
            _search(wish)
            await _Retries(
                wish, lambda: shared.of(wish, partial(read, desk, chosen, wish))
            ).begin()


def _choice(wish: Wish, destinations: Sequence[str], waiting: Mapping[str, int]) -> None:
    paths = {ALL: address(PATH, user=wish.user)}
    names = {one: f"{one} ({whole(waiting.get(one, 0))})" for one in destinations}
    paths |= {names[one]: address(PATH, destination=one, user=wish.user) for one in destinations}
    choice("Destination", paths, names.get(wish.destination or "", ALL))


def _search(wish: Wish) -> None:
    def find() -> None:
        user = str(box.value or "").strip()
        ui.navigate.to(address(PATH, destination=wish.destination, user=user))

    with ui.element("form").classes("relay-form").on("submit.prevent", find):
        box = ui.input("User", value=wish.user).props("dense outlined stack-label clearable")
        ui.button("Find", icon="search").props("unelevated no-caps type=submit")


class _Retries:
    """The retries and their errors, which follow the store in their place."""

    def __init__(
        self, wish: Wish, read: Callable[[], Awaitable[tuple[Listed, Sequence[Grouped]]]]
    ) -> None:
        self._wish, self._read = wish, read
        self._errors: ui.table | None = None
        self._listed: ui.table | None = None

    async def begin(self) -> None:
        found, groups = await self._read()
        if groups:
            section("Why")
            self._looked = ui.label(looked(groups)).classes("relay-note")
            self._errors = listing(ERRORS, _error_rows(groups))
        section("Next due")
        if self._wish.user:
            ui.label(f"Looked at {whole(found.looked)} retries").classes("relay-note")
        if not found.found and found.cursor is None:
            whose = f" for user {apart(self._wish.user)}" if self._wish.user else ""
            nothing(f"Nothing waits to be tried again{whose}.")
        else:
            self._listed = listing(COLUMNS, _rows(found))
        if found.cursor is not None:
            wish = self._wish
            on = address(PATH, destination=wish.destination, user=wish.user, cursor=found.cursor)
            ui.link("Later ones", on)
        ui.timer(EVERY_S, self._look, immediate=False)

    async def _look(self) -> None:
        try:
            found, groups = await self._read()
        except redis.RedisError:
            return  # the banner says so, and what is shown stays
        if self._errors is not None:
            self._looked.set_text(looked(groups))
            self._errors.rows = _error_rows(groups)
        if self._listed is not None:
            self._listed.rows = _rows(found)


def looked(groups: Sequence[Grouped]) -> str:
    return f"Of the {whole(sum(count for _, count in groups))} that are due next"


def _rows(found: Listed) -> list[dict[str, object]]:
    now = milliseconds()
    return [dict(row(destination, one, now)) for destination, one in found.found]


def _error_rows(groups: Sequence[Grouped]) -> list[dict[str, object]]:
    return [
        {
            "id": " ".join(about),
            "error": about[0] or "no message",
            "status": about[1],
            "destination": about[2],
            "count": whole(count),
        }
        for about, count in groups
    ]
