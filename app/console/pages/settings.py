"""Every setting in effect: its value, its unit, and where it comes from."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app.console.desk import Desk
from app.console.frame import framed
from app.console.widgets import Row, choice, fault, section, table
from app.destinations import ACCOUNTS
from app.settings import Settings, SettingsError, load
from app.settings.told import MASK, Told, changed, told
from app.settings.written import read

COLUMNS: Final = ("setting", "value", "comes_from")
HIDDEN: Final = "set, and not shown"
GENERAL: Final = "General"
ALL, SET = "all", "only what is set"
VIEWS: Final = {"": ALL, "set": SET}
PATHS: Final = {ALL: "/settings", SET: "/settings?view=set"}
FRESH: Final = (
    "The files say something else by now. Workers and beat take that over by themselves; the "
    "console and ingest go on with what is shown here until they are restarted."
)


def register(desk: Desk) -> None:
    began = told(desk.settings, read(None, os.environ))

    @ui.page("/settings")
    async def page(request: Request) -> None:
        view = request.query_params.get("view", "")
        with framed(desk, request, "Settings"):
            choice("Which", PATHS, VIEWS.get(view, ALL))
            if view not in VIEWS:
                fault(f"view: expected set, or nothing; found {view}")
            for words in await asyncio.to_thread(since, desk.settings, began):
                fault(words)
            for name, rows in tables(began, only_set=view == "set").items():
                section(name)
                table(COLUMNS, rows, links={}).classes("relay-settings")


def tables(settings: Sequence[Told], *, only_set: bool) -> dict[str, list[Row]]:
    """The rows of the general table, then those of each source, destination, operator. Pure."""
    found: dict[str, list[Row]] = {}
    for one in settings:
        if not only_set or one.origin != "default":
            table_, name = _place(one.name)
            found.setdefault(table_, []).append(_row(one, name))
    return found


def since(settings: Settings, began: Sequence[Told]) -> list[str]:
    """What an operator has to know of settings that were written after the console began."""
    try:
        now = load(ACCOUNTS)
    except SettingsError as refused:
        return [f"The files are refused by now, and change nothing: {'; '.join(refused.faults)}"]
    if now == settings:
        return []
    names = changed(told(now, read(None, os.environ)), began)
    return [f"{FRESH} What differs: {', '.join(names) or 'a secret'}."]


def _place(name: str) -> tuple[str, str]:
    """The table in which a setting stands, and its name there."""
    table_, _, rest = name.partition(".")
    if not rest:
        return GENERAL, name
    id_, _, inner = rest.partition(".")
    return f"{table_}.{id_}", inner


def _row(one: Told, name: str) -> Mapping[str, object]:
    return {
        "id": one.name,
        "setting": name,
        "value": HIDDEN if one.value == MASK else f"{one.value} {one.unit}".strip(),
        "comes_from": one.place or one.origin,
    }
