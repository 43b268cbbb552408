"""Flags: what somebody has to do at a destination by hand, and that it was done."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import items, operating
from app.console.desk import Desk
from app.console.faults import away
from app.console.frame import framed
from app.console.live import Live, Shared
from app.console.session import Operator
from app.console.watch import Look
from app.console.widgets import address, apart, button, choice, confirmed, fault, nothing, whole
from app.destinations import KINDS
from app.flags import Flags, Page, Place

SHOWN: Final = 100
EVERY_S: Final = 10.0
COLUMNS: Final = {
    "user": "User",
    "about": "About",
    "wanted": "Wanted",
    "found": "Found",
    "why": "Why it could not be done",
    "advice": "What to do",
    "message_id": "Asked for by",
}
WIDE: Final = ("user", "wanted", "found")
NARROW: Final = "Quasar.Screen.width < 900"
CARD: Final = """\
<div class="relay-flag">
  <q-checkbox v-if="props.selected !== undefined" v-model="props.selected" aria-label="Choose" />
  <div v-for="column in props.cols" :key="column.name">
    <span class="relay-note">{{ column.label }}</span>
    <a v-if="column.name === 'message_id'" :href="props.row.trace">{{ column.value }}</a>
    <span v-else>{{ column.value ?? '-' }}</span>
  </div>
</div>
"""
RESOLVED: Final = (
    "They leave this list, and nothing is sent. A flag comes back when an event finds the same "
    "again."
)

Found = tuple[Page, int]


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page("/flags")
    async def page(request: Request) -> None:
        asked = request.query_params
        look = await desk.watch.look()
        named = flagging(look)
        destination = asked.get("destination", "") or (named[0] if named else "")
        with framed(desk, request, "Flags") as operator:
            if look.away and not look.standings:
                away()
                return
            after, wrong = cursor(asked.get("cursor", ""))
            if destination not in named:
                fault(f"destination: expected one of {', '.join(named) or 'none'}")
                return
            if wrong:
                fault(wrong)
            paths = {one: address("/flags", destination=one) for one in named}
            choice("Destination", paths, destination)
            user = asked.get("user", "").strip()
            _search(destination, user)
            await _Listed(desk, shared, operator, destination, user, after).begin()


def flagging(look: Look) -> list[str]:
    """The destinations that may have flags, those with the most first."""
    counts = {one.account.id: one.census.flags for one in look.standings}
    ruled = {one.account.id for one in look.standings if _is_ruled(one.account.kind)}
    return sorted((one for one in counts if counts[one] or one in ruled), key=lambda x: -counts[x])


def cursor(asked: str) -> tuple[Place | None, str]:
    """The place that a cursor names, or what is wrong with it."""
    try:
        return (Place.parse(asked), "") if asked else (None, "")
    except ValueError as wrong:
        return None, f"cursor: {wrong}"


def _is_ruled(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].ruled


class _Listed:
    """The flags from a place on, and what may be done with them."""

    def __init__(
        self,
        desk: Desk,
        shared: Shared,
        operator: Operator,
        destination: str,
        user: str,
        after: Place | None,
    ) -> None:
        self._desk, self._shared, self._operator = desk, shared, operator
        self._destination, self._user, self._after = destination, user, after
        self._key = (destination, user, after)
        self._chosen: set[str] = set()
        self._table: ui.table | None = None

    async def begin(self) -> None:
        self._live = await Live(self._read, self._show, lambda _: EVERY_S, anew=False).begin()

    async def _read(self) -> Found:
        return await self._shared.of(self._key, self._found)

    def _found(self) -> Found:
        flags = Flags(self._desk.store, self._destination)
        return flags.page(self._after, SHOWN, self._user or None), flags.count()

    def _show(self, found: Found) -> None:
        """Made once, and then filled anew, so that what is chosen stays and the focus too."""
        page, total = found
        if self._table is None:
            self._make()
        rows = [row(items.flag(self._destination, one)) for one in page.flags]
        self._count.set_text(counted(len(rows), total, self._user))
        self._nothing.set_visibility(not rows)
        self._some.set_visibility(bool(rows))
        if self._table is not None:
            self._table.rows = rows
            self._table.selected = [one for one in rows if one["id"] in self._chosen]
            self._choose({str(one["id"]) for one in self._table.selected})
        self._older.set_visibility(page.cursor is not None)
        older = {"destination": self._destination, "user": self._user, "cursor": page.cursor}
        self._older.props(f'href="{address("/flags", **older)}"')

    def _make(self) -> None:
        whose = f" for user {apart(self._user)}" if self._user else ""
        older = "older " if self._after else ""
        with ui.column() as self._nothing:
            nothing(f"Nothing {older}has to be done by hand at {self._destination}{whose}.")
        with ui.column().classes("relay-part") as self._some:
            with ui.row().classes("relay-head"):
                self._count = ui.label().classes("relay-note")
                if not self._operator.read_only:
                    self._all = button("Resolve", self._resolve_chosen, "done_all")
            self._table = self._flags()
            self._older = ui.link("Older ones")
        if self._after:
            newest = address("/flags", destination=self._destination, user=self._user)
            ui.link("The newest", newest)

    def _flags(self) -> ui.table:
        table = ui.table(
            columns=[*map(_column, COLUMNS)],
            rows=[],
            row_key="id",
            selection=None if self._operator.read_only else "multiple",
            on_select=lambda event: self._choose({str(one["id"]) for one in event.selection}),
        ).classes("relay-table")
        table.props('flat dense wrap-cells :pagination="{rowsPerPage: 0}" hide-pagination')
        table.props(f':grid="{NARROW}"')
        table.add_slot(
            "body-cell-message_id",
            '<q-td :props="props"><a :href="props.row.trace">{{ props.value }}</a></q-td>',
        )
        table.add_slot("item", CARD)
        return table

    def _choose(self, chosen: set[str]) -> None:
        self._chosen = chosen
        if self._operator.read_only:
            return
        self._all.set_enabled(bool(chosen))
        self._all.set_text(f"Resolve {whole(len(chosen))} chosen" if chosen else "Resolve")

    async def _resolve_chosen(self) -> None:
        chosen = sorted(self._chosen)
        if not await confirmed(question(len(chosen)), "Resolve", detail=RESOLVED):
            return
        verbs = operating.Operator(self._desk.store, self._desk.settings, self._operator.name)
        done = await asyncio.to_thread(verbs.resolve, self._destination, chosen)
        ui.notify(outcome(done.flags, done.missing))
        self._chosen = set()
        self._shared.forget(self._key)
        await self._live.look()


def question(count: int) -> str:
    return "Resolve this flag?" if count == 1 else f"Resolve these {count:,} flags?"


def counted(shown: int, total: int, user: str) -> str:
    if user:
        return f"{shown:,} of user {apart(user)}, the newest first; {total:,} in all"
    return f"{shown:,} of {total:,}, the newest first"


def outcome(flags: Sequence[object], missing: Collection[str]) -> str:
    told = f"{len(flags):,} resolved"
    return f"{told}; {len(missing):,} were resolved already" if missing else told


def row(flag: Mapping[str, object]) -> dict[str, object]:
    trace = address("/trace", message_id=flag["message_id"], user=flag["user"])
    return {**flag, "trace": trace}


def _column(name: str) -> dict[str, str]:
    column = {"name": name, "label": COLUMNS[name], "field": name, "align": "left"}
    return {**column, "style": "min-width: 8rem"} if name in WIDE else column


def _search(destination: str, user: str) -> None:
    def go() -> None:
        wanted = str(box.value or "").strip()
        ui.navigate.to(address("/flags", destination=destination, user=wanted))

    with ui.element("form").classes("relay-form").on("submit.prevent", go):
        box = ui.input("User", value=user, placeholder="any").props("dense outlined stack-label")
        ui.button("Find", icon="search").props("unelevated no-caps type=submit")
