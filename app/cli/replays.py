"""`relay replays`: list them, show one, cancel one."""

import sys

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, FAILED, leave
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.cli.who import who_it_is
from app.moving import newest_replays, told
from app.operating import Absent, Conflict, Operator, described, outcome
from app.replays import Replay
from app.settings import Settings

COLUMNS = ("id", "destination", "state", "began_at", "total", "replayed", "delivered", "dead")
MORE = ("rate", "who", "standing")


def list_all(settings: Settings, destination: str | None, *, as_json: bool) -> int:
    every = settings.destinations.values()
    chosen = every if destination is None else [named(settings, destination)]
    with reached(settings) as store:
        found = newest_replays(store, chosen)
    if as_json:
        show_json({"items": [items.replay(one) for one in found], "next_cursor": None})
    else:
        show(_table(found))
    return DONE


def show_one(settings: Settings, id_: str, *, as_json: bool) -> int:
    with reached(settings) as store:
        try:
            _, found = Operator(store, settings, "").found_replay(id_)
        except Absent as absent:
            leave(str(absent), FAILED)
        replay = told(store, found)
    if as_json:
        show_json(items.replay(replay))
        return DONE
    chosen = "" if replay.filter is None else described(replay.filter)
    for name, value in (items.replay(replay) | {"filter": chosen}).items():
        if value not in (None, ""):
            sys.stdout.write(f"{name:<14}{printable(str(value))}\n")
    return DONE


def cancel(settings: Settings, id_: str, who: str | None, *, as_json: bool) -> int:
    """Move no more of its letters; what is under way goes on."""
    with reached(settings) as store:
        try:
            replay = Operator(store, settings, who_it_is(who)).cancel(id_)
        except (Absent, Conflict) as refused:
            leave(str(refused), FAILED)
    if as_json:
        show_json(items.replay(replay))
    else:
        sys.stdout.write(f"replay {id_} {outcome(replay)}\n")
    return DONE


def _table(found: list[Replay]) -> Table:
    table = Table(*(name.replace("_", " ") for name in (*COLUMNS, *MORE)), box=None)
    for one in found:
        item = items.replay(one)
        table.add_row(*(Text(printable(_cell(item[name]))) for name in (*COLUMNS, *MORE)))
    return table


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
