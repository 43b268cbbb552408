"""What `relay dead-letters` reads: lists, groups, one letter, exports."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import redis
from rich.table import Table
from rich.text import Text

from app import items
from app.cli.dead_letters import Chosen
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.opened import described, pretty
from app.cli.reach import named, reached
from app.cli.tables import printable, show, show_json
from app.dead_letters import BadFilter, BuriedAgain, DeadLetters, Filter, Opened, merged
from app.destination import CountsByFeature, Usage
from app.destinations import KINDS
from app.overview import orphan
from app.segment import Event
from app.settings import DestinationSettings, Settings

COLUMNS = ("id", "destination", "buried_at", "reason", "event", "user", "attempts", "message")
GROUPS_NAMED = 10
GROUP_COLUMNS = (
    "id",
    "destination",
    "reason",
    "count",
    "first_at",
    "last_at",
    "message",
    "sample",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one destination for its operators."""

    account: DestinationSettings
    letters: DeadLetters
    store: redis.Redis


@dataclass(frozen=True, slots=True)
class Place:
    """A letter that was opened, and where it lies."""

    kept: Kept
    opened: Opened

    @property
    def id(self) -> str:
        return self.opened.id


def list_letters(
    settings: Settings, chosen: Chosen, cursor: str | None, limit: int, *, as_json: bool
) -> int:
    filter_ = filter_of(chosen)
    if cursor is not None and not cursor.isdecimal():
        leave(f"--cursor: expected the next_cursor of a page, found {cursor}", WRONG_USE)
    with opened_store(settings, chosen.destination) as kept:
        expect_group(kept, filter_)
        pages = {id_: one.letters.page(filter_, cursor, limit) for id_, one in kept.items()}
    found, next_cursor = merged(pages, limit)
    listed = [items.letter(id_, one.id, one.letter) for id_, one in found]
    if as_json:
        show_json({"items": listed, "next_cursor": next_cursor})
        return DONE
    show(_table(COLUMNS, listed))
    if next_cursor is not None:
        note(f"there may be more: --cursor {next_cursor}")
    return DONE


def list_groups(
    settings: Settings, destination: str | None, reason: str | None, *, as_json: bool
) -> int:
    filter_of(Chosen(destination, reason))
    with opened_store(settings, destination) as kept:
        found = [(id_, group) for id_, one in kept.items() for group in one.letters.groups(reason)]
    found.sort(key=lambda pair: pair[1].last_at, reverse=True)
    listed = [items.group(id_, one) for id_, one in found]
    if as_json:
        show_json({"items": listed, "next_cursor": None})
    else:
        show(_table(GROUP_COLUMNS, listed))
    return DONE


def show_letter(settings: Settings, destination: str | None, letter: str, *, as_json: bool) -> int:
    with opened_store(settings, destination) as kept:
        place = place_of(kept, letter)
    if as_json:
        show_json(items.opened(place.kept.account.id, place.opened))
    else:
        account = place.kept.account
        sys.stdout.write(described(account.id, place.opened, _usage(place)))
    return DONE


def show_event(settings: Settings, destination: str | None, letter: str) -> int:
    """The event as it would be sent again; what is no JSON byte by byte."""
    with opened_store(settings, destination) as kept:
        event = place_of(kept, letter).opened.delivery.event
    sys.stdout.buffer.write(pretty(event))
    sys.stdout.buffer.flush()
    return DONE


def _usage(place: Place) -> Usage | None:
    """What the letter may have been counted as, where the destination counts by feature."""
    account = place.kept.account
    kind = KINDS.get(account.kind)
    if kind is None or not isinstance(account, kind.account):
        return None  # the settings name it no more
    counts = kind.counts
    if not isinstance(counts, CountsByFeature):
        return None
    try:
        return counts.used(Event.decode(place.opened.delivery.event), account)
    except msgspec.DecodeError:
        return None


def export_letters(settings: Settings, chosen: Chosen, output: Path) -> int:
    filter_ = filter_of(chosen)
    with opened_store(settings, chosen.destination) as kept:
        expect_group(kept, filter_)
        _export(kept, filter_, output)
    return DONE


def _export(kept: dict[str, Kept], filter_: Filter, output: Path) -> None:
    with _written(output) as file:
        for id_, one in kept.items():
            for opened in one.letters.opened(filter_):
                file.write(msgspec.json.encode(items.exported(id_, opened)) + b"\n")


@contextmanager
def opened_store(settings: Settings, destination: str | None) -> Iterator[dict[str, Kept]]:
    """The dead letters of the destination, or of all of them; ends when the store is away.

    One that the settings name no more has to be named here.
    """
    with reached(settings) as store:
        chosen = list(settings.destinations.values())
        if destination is not None:
            kept = None if destination in settings.destinations else orphan(store, destination)
            chosen = [kept or named(settings, destination)]
        yield {one.id: Kept(one, DeadLetters(store, one), store) for one in chosen}


def place_of(kept: dict[str, Kept], letter: str) -> Place:
    """Where a letter lies; ends when it lies nowhere, or in several destinations."""
    found: list[Place] = []
    why = absent(letter, kept)
    for one in kept.values():
        try:
            opened = one.letters.open(letter)
        except BuriedAgain as again:
            opened, why = None, str(again)
        if opened is not None:
            found.append(Place(one, opened))
    if not found:
        leave(why, FAILED)
    if len(found) > 1:
        where = " and ".join(place.kept.account.id for place in found)
        leave(f"{where} have a letter {letter}: name one with --destination", WRONG_USE)
    return found[0]


def absent(letter: str, kept: dict[str, Kept]) -> str:
    """What to say of a letter that is not there."""
    why = "it was replayed or discarded, or the id is wrong"
    return f"there is no dead letter {letter} at {' or '.join(kept)}: {why}"


def filter_of(chosen: Chosen) -> Filter:
    """The filter that was written; ends when it means nothing."""
    try:
        return Filter.read(chosen.fields)
    except BadFilter as error:
        leave(
            f"--{error.field.replace('_', '-')}{str(error).removeprefix(error.field)}", WRONG_USE
        )


def expect_group(kept: dict[str, Kept], filter_: Filter) -> None:
    """Ends the command when the filter names a group that no destination has."""
    if filter_.group is None:
        return
    known = [group.id for one in kept.values() for group in one.letters.groups()]
    if filter_.group in known:
        return
    more = f" and {len(known) - GROUPS_NAMED:,} more" if len(known) > GROUPS_NAMED else ""
    named = (", ".join(known[:GROUPS_NAMED]) or "none, for there is no dead letter") + more
    leave(f"--group: expected one of: {named}; found {filter_.group}", WRONG_USE)


@contextmanager
def _written(output: Path) -> Iterator[BinaryIO]:
    if output == Path("-"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = output.open("wb")
    except OSError as error:
        leave(f"--output: cannot write {output}: {error.strerror}", WRONG_USE)
    with file:
        yield file


def _table(columns: Sequence[str], listed: Sequence[items.Item]) -> Table:
    table = Table(*(name.replace("_", " ") for name in columns), box=None)
    for item in listed:
        table.add_row(*(Text(printable(_cell(item[name]))) for name in columns))
    return table


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
