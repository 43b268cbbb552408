"""`relay flags`: what has to be done at a destination by hand, and that it was."""

import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.cli.who import who_it_is
from app.flags import Flagged, Flags, Place
from app.operating import Operator
from app.settings import Settings

COLUMNS = ("id", "user", "about", "wanted", "found", "accepted_at", "why", "advice")


def list_page(
    settings: Settings,
    destination: str | None,
    user: str | None,
    cursor: str | None,
    limit: int,
    *,
    as_json: bool,
) -> int:
    account, after = named(settings, destination), _place(cursor)
    with reached(settings) as store:
        page = Flags(store, account.id).page(after, limit, user)
    listed = [items.flag(account.id, one) for one in page.flags]
    next_cursor = None if page.cursor is None else str(page.cursor)
    if as_json:
        show_json({"items": listed, "next_cursor": next_cursor})
        return DONE
    show(_table(listed))
    if next_cursor:
        note(f"there are more: --cursor {next_cursor}")
    return DONE


def resolve(
    settings: Settings,
    destination: str | None,
    ids: Sequence[str],
    who: str | None,
    *,
    as_json: bool,
) -> int:
    """Let go of flags; of those that are not there it says so."""
    account = named(settings, destination)
    with reached(settings) as store:
        done = Operator(store, settings, who_it_is(who)).resolve(account.id, ids)
    for id_ in done.missing:
        note(f"{account.id} has no flag {id_}; expected one of relay flags list")
    if as_json:
        listed = [items.flag(account.id, one) for one in done.flags]
        show_json({"items": listed, "next_cursor": None})
    else:
        sys.stdout.write("".join(printable(f"resolved {_named(one)}\n") for one in done.flags))
    return FAILED if done.missing else DONE


def _named(flag: Flagged) -> str:
    return f"{flag.about} of {flag.user}"


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
