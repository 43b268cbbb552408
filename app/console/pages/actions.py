"""Who did what, when, to how many."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import items
from app.actions import KEPT, Page, Place, page
from app.console.desk import Desk
from app.console.frame import framed
from app.console.live import Live
from app.console.widgets import address, choice, fault, nothing, table
from app.overview import known

SHOWN: Final = 100
ALL: Final = "all"
COLUMNS: Final = ("at", "who", "what", "count", "destination", "about")

Found = tuple[tuple[str, ...], Page | None]


def register(desk: Desk) -> None:
    @ui.page("/actions")
    async def actions(request: Request) -> None:
        asked = request.query_params
        destination, cursor = asked.get("destination", ""), asked.get("cursor", "")
        before, wrong = begun(cursor)

        def read() -> Found:
            names = tuple(account.id for account in known(desk.store, desk.settings))
            chosen = [name for name in names if destination in ("", name)]
            return names, page(desk.store, chosen, before, SHOWN) if chosen else None

        with framed(desk, request, "Actions"):
            if wrong:
                fault(wrong)
            await Live(
                lambda: asyncio.to_thread(read), lambda found: _show(*found, destination)
            ).begin()


def begun(cursor: str) -> tuple[Place | None, str]:
    """The place that a cursor names, or what is wrong with it. Pure."""
    try:
        return (Place.parse(cursor), "") if cursor else (None, "")
    except ValueError as wrong:
        return None, f"cursor: {wrong}"


def row(item: Mapping[str, object]) -> dict[str, object]:
    """An action as the table shows it. Pure."""
    id_ = f"{item['destination']} {item['at']} {item['what']} {item['about']}"
    there = f"/destinations/{item['destination']}"
    at = str(item["at"]).replace("T", " ")[:19]
    return {**item, "id": id_, "at": at, "there": there}


def _show(names: Sequence[str], found: Page | None, destination: str) -> None:
    paths = {name: address("/actions", destination=name) for name in names}
    choice("Destination", {ALL: "/actions", **paths}, destination or ALL)
    if found is None:
        fault(f"destination: expected one of {', '.join(names)}; found {destination}")
    elif not found.items:
        nothing("No operator has done anything yet.")
    else:
        rows = [row(items.action(name, one)) for name, one in found.items]
        table(COLUMNS, rows, links={"destination": "there"})
        with ui.row().classes("relay-head"):
            told = f"The newest first, in UTC; {KEPT:,} of each destination are kept."
            ui.label(told).classes("relay-note")
            if found.cursor is not None:
                older = address("/actions", destination=destination, cursor=found.cursor)
                ui.link("Older ones", older)
