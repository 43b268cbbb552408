"""`relay unmapped`: what no rule maps yet, one by one or counted."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, WRONG_USE, leave, note
from app.cli.reach import reached, ruled
from app.cli.tables import printable, show, show_json
from app.settings import Settings
from app.unmapped import Groups, UnmappedEvents

COLUMNS = ("id", "message_id", "event", "user", "parked_at")


def list_page(
    settings: Settings, destination: str | None, cursor: str | None, limit: int, *, as_json: bool
) -> int:
    account = ruled(settings, destination)
    if cursor is not None and not cursor.isdecimal():
        leave(f"--cursor: expected a cursor that a page gave; found {cursor}", WRONG_USE)
    with reached(settings) as store:
        page = UnmappedEvents(store, account.id).page(cursor, limit)
    listed = [items.unmapped(account.id, one) for one in page.items]
    if as_json:
        show_json({"items": listed, "next_cursor": page.next_cursor})
        return DONE
    table = Table(*(name.replace("_", " ") for name in COLUMNS), box=None)
    for one in listed:
        cells = ("" if one[name] is None else str(one[name]) for name in COLUMNS)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    show(table)
    if page.next_cursor:
        note(f"there are more: --cursor {page.next_cursor}")
    return DONE


def groups(settings: Settings, destination: str | None, *, as_json: bool) -> int:
    account = ruled(settings, destination)
    with reached(settings) as store:
        found = UnmappedEvents(store, account.id).groups()
    if as_json:
        show_json(items.unmapped_groups(account.id, found))
        return DONE
    events = Table("event", "count", "for example", box=None)
    for one in found.events:
        name = "(none)" if one.name is None else one.name
        events.add_row(Text(printable(name)), f"{one.count:,}", one.samples[0])
    show(events)
    properties = Table("property", "value", "count", "for example", box=None)
    for each in found.properties:
        told = (Text(printable(each.path)), Text(printable(each.value)))
        properties.add_row(*told, f"{each.count:,}", each.samples[0])
    show(properties)
    for left_out in _left_out(found):
        note(left_out)
    return DONE


def _left_out(found: Groups) -> Iterator[str]:
    if found.looked < found.total:
        yield f"these are the newest {found.looked:,} of {found.total:,} unmapped events"
    if found.hidden_events or found.hidden_properties:
        yield (
            f"{found.hidden_events:,} more event names and {found.hidden_properties:,} more "
            "values are not shown"
        )
    if found.uncounted:
        yield f"{found.uncounted:,} values were too many different ones to be counted"
