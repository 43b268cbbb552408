"""`relay actions list`: what operators did."""

from rich.table import Table
from rich.text import Text

from app import items
from app.actions import Place, page
from app.cli.exits import DONE, WRONG_USE, leave, note
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.settings import Settings

COLUMNS = ("at", "destination", "who", "what", "count", "about")


def list_page(
    settings: Settings, destination: str | None, cursor: str | None, limit: int, *, as_json: bool
) -> int:
    before = _place(cursor)
    chosen = list(settings.destinations) if destination is None else [destination]
    ids = [named(settings, one).id for one in chosen]
    with reached(settings) as store:
        found = page(store, ids, before, limit)
    listed = [items.action(id_, one) for id_, one in found.items]
    next_cursor = None if found.cursor is None else str(found.cursor)
    if as_json:
        show_json({"items": listed, "next_cursor": next_cursor})
        return DONE
    table = Table(*COLUMNS, box=None)
    for one in listed:
        table.add_row(*(Text(printable(str(one[name]))) for name in COLUMNS))
    show(table)
    if next_cursor:
        note(f"there are more: --cursor {next_cursor}")
    return DONE


def _place(cursor: str | None) -> Place | None:
    try:
        return None if cursor is None else Place.parse(cursor)
    except ValueError as wrong:
        leave(f"--cursor: {wrong}", WRONG_USE)
