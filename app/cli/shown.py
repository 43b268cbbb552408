"""`relay destinations shown`: what a dry run would have sent."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app import items, shown
from app.cli.exits import DONE, note
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.settings import Settings
from app.shown import Shown
from app.timestamps import instant


def list_newest(settings: Settings, destination: str, *, as_json: bool) -> int:
    account = named(settings, destination)
    with reached(settings) as store:
        found = shown.newest(store, account.id)
    if as_json:
        show_json({"items": [items.shown(one) for one in found], "next_cursor": None})
        return DONE
    show(_table(found))
    if not found and not account.dry_run:
        note(f"there was no dry run; destinations.{account.id}.dry_run = true makes one")
    return DONE


def _table(found: Sequence[Shown]) -> Table:
    table = Table("at", "message id", "user", "would be", "request, or why not", box=None)
    for one in found:
        told = one.why or f"{one.method} {one.path} {one.body.decode(errors='replace')}"
        cells = (printable(cell) for cell in (one.id, one.user, one.would_be, told))
        table.add_row(instant(one.at), *map(Text, cells))
    return table
