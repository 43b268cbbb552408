"""`relay actions list`: what operators did."""

from rich.table import Table
from rich.text import Text

from app import items
from app.actions import Actions
from app.cli.exits import DONE
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.settings import Settings

COLUMNS = ("at", "destination", "who", "what", "count", "about")


def list_newest(settings: Settings, destination: str | None, limit: int, *, as_json: bool) -> int:
    chosen = list(settings.destinations) if destination is None else [destination]
    ids = [named(settings, one).id for one in chosen]
    with reached(settings) as store:
        found = [(id_, one) for id_ in ids for one in Actions(store, id_).newest(limit)]
    found.sort(key=lambda pair: pair[1].at, reverse=True)
    listed = [items.action(id_, one) for id_, one in found[:limit]]
    if as_json:
        show_json({"items": listed, "next_cursor": None})
        return DONE
    table = Table(*COLUMNS, box=None)
    for one in listed:
        table.add_row(*(Text(printable(str(one[name]))) for name in COLUMNS))
    show(table)
    return DONE
