"""`relay retries list`: what waits to be tried again, in the order in which it is due."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, WRONG_USE, leave, note
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.log import Log
from app.retries import Place, Retries, merged
from app.settings import Settings

COLUMNS = (
    "destination",
    "due",
    "message_id",
    "user",
    "attempts",
    "last_status",
    "last_error",
    "behind",
)


def list_page(
    settings: Settings, destination: str | None, cursor: str | None, limit: int, *, as_json: bool
) -> int:
    after, accounts = _place(cursor), list(settings.destinations.values())
    chosen = accounts if destination is None else [named(settings, destination)]
    with reached(settings) as store:
        pages = {
            one.id: Retries(store, one.id, Log(store, one).layout.total).page(after, limit)
            for one in chosen
        }
    found, end = merged(pages, limit)
    listed = [items.retry(id_, retry) for id_, retry in found]
    next_cursor = None if end is None else str(end)
    if as_json:
        show_json({"items": listed, "next_cursor": next_cursor})
        return DONE
    show(_table(listed))
    if next_cursor:
        note(f"there are more: --cursor {next_cursor}")
    return DONE


def _place(cursor: str | None) -> Place | None:
    try:
        return None if cursor is None else Place.parse(cursor)
    except ValueError as wrong:
        leave(f"--cursor: {wrong}", WRONG_USE)


def _table(listed: Sequence[items.Item]) -> Table:
    table = Table(*(name.replace("_", " ") for name in COLUMNS), box=None)
    for one in listed:
        cells = ("" if one[name] is None else str(one[name]) for name in COLUMNS)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
