"""`relay destinations`: list them, pause one, resume it."""

import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.cli.who import who_it_is
from app.clock import milliseconds
from app.operating import Operator
from app.overview import standing_of, standings
from app.presence import alive_since
from app.settings import Settings
from app.standing import Standing, state

COLUMNS = ("kind", "state", "waiting", "retrying", "dead", "unmapped", "reason")


def list_all(settings: Settings, *, as_json: bool) -> int:
    now = milliseconds()
    with reached(settings) as store:
        stands = standings(store, settings, alive_since(now))
    listed = [items.destination(standing, now) for standing in stands]
    if as_json:
        show_json({"items": listed, "next_cursor": None})
    else:
        show(_table(listed))
    return DONE


def pause(
    settings: Settings, destination: str, reason: str, who: str | None, *, as_json: bool
) -> int:
    """Send nothing to it until it is resumed."""
    account = named(settings, destination)
    with reached(settings) as store:
        changed = Operator(store, settings, who_it_is(who)).pause(account.id, reason)
        standing = standing_of(store, account, alive_since(milliseconds()))
    done = "is paused" if changed else "was paused already"
    return _told(f"{account.id} {done}: {state(standing)[1]}", standing, as_json=as_json)


def resume(settings: Settings, destination: str, who: str | None, *, as_json: bool) -> int:
    """End its pause, and say what that was."""
    account = named(settings, destination)
    with reached(settings) as store:
        resumed = Operator(store, settings, who_it_is(who)).resume(account.id)
        standing = standing_of(store, account, alive_since(milliseconds()))
    ended = f"is resumed; what ended was a pause by {resumed.pause}"
    done = ended if resumed.ended else _not_paused(standing)
    return _told(f"{account.id} {done}", standing, as_json=as_json)


def _not_paused(standing: Standing) -> str:
    """What holds it back instead, which no operator ends."""
    word, reason = state(standing)
    if word in ("broken", "throttled"):
        return f"was not paused; it is {word}: {reason}"
    return "was not paused"


def _told(what: str, standing: Standing, *, as_json: bool) -> int:
    if as_json:
        show_json(items.destination(standing, milliseconds()))
    else:
        sys.stdout.write(f"{printable(what)}\n")
    return DONE


def _table(listed: Sequence[items.Item]) -> Table:
    table = Table("destination", *COLUMNS, box=None)
    for one in listed:
        table.add_row(*(Text(printable(str(one[name]))) for name in ("id", *COLUMNS)))
    return table
