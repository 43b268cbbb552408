"""Who did what, when, to how many."""

import asyncio
from collections.abc import Mapping
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import items
from app.actions import KEPT, Page, Place, page, place
from app.console.desk import Desk
from app.console.frame import framed
from app.console.widgets import address, choice, fault, nothing, table
from app.overview import known

SHOWN: Final = 100
ALL: Final = "all"
COLUMNS: Final = ("at", "who", "what", "count", "destination", "about")


def register(desk: Desk) -> None:
    @ui.page("/actions")
    async def actions(request: Request) -> None:
        asked = request.query_params
        accounts = await asyncio.to_thread(known, desk.store, desk.settings)
        names = [account.id for account in accounts]
        with framed(desk, request, "Actions"):
            destination, cursor = asked.get("destination", ""), asked.get("cursor", "")
            paths = {name: address("/actions", destination=name) for name in names}
            choice("Destination", {ALL: "/actions", **paths}, destination or ALL)
            before, wrong = begun(cursor)
            if destination and destination not in names:
                fault(f"destination: expected one of {', '.join(names)}; found {destination}")
                return
            if wrong:
                fault(wrong)
            chosen = [destination] if destination else names
            _show(await asyncio.to_thread(page, desk.store, chosen, before, SHOWN), destination)


def begun(cursor: str) -> tuple[Place | None, str]:
    """The place that a cursor names, or what is wrong with it. Pure."""
    try:
        return (place(cursor), "") if cursor else (None, "")
    except ValueError as wrong:
        return None, f"cursor: {wrong}"


def row(item: Mapping[str, object]) -> dict[str, object]:
    """An action as the table shows it. Pure."""
    id_ = f"{item['destination']} {item['at']} {item['what']} {item['about']}"
    there = f"/destinations/{item['destination']}"
    at = str(item["at"]).replace("T", " ")[:19]
    return {**item, "id": id_, "at": at, "there": there}


def _show(found: Page, destination: str) -> None:
    if not found.items:
        nothing("No operator has done anything yet.")
        return
    rows = [row(items.action(name, one)) for name, one in found.items]
    table(COLUMNS, rows, links={"destination": "there"})
    older = address("/actions", destination=destination, cursor=found.cursor)
    with ui.row().classes("relay-head"):
        told = f"The newest first, in UTC; {KEPT:,} of each destination are kept."
        ui.label(told).classes("relay-note")
        if found.cursor is not None:
            ui.link("Older ones", older)
