"""What `relay dead-letters` changes: a letter's event, or that letters are there at all."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from app import items
from app.cli.dead_letters import Chosen
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.letters import (
    Kept,
    Place,
    absent,
    expect_group,
    filter_of,
    opened_store,
    place_of,
)
from app.cli.tables import show_json
from app.cli.who import operator
from app.dead_letters import BadPayload, BuriedAgain, Changed, End, Filter
from app.destinations import KINDS
from app.replays import UNCONFIRMED
from app.settings import Settings

NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class Discarding:
    """Which letters to let go of, by ids or by a filter, and how."""

    ids: tuple[str, ...]
    chosen: Chosen
    end: End
    dry_run: bool
    yes: bool
    who: str | None


@dataclass(frozen=True, slots=True)
class Aim:
    """What is let go of at one destination; `steps` does it and tells how many at a time."""

    kept: Kept
    count: int
    unconfirmed: int
    about: str
    steps: Callable[[], Iterator[int]]


def edit_letter(
    settings: Settings,
    destination: str | None,
    letter: str,
    file: Path,
    who: str | None,
    *,
    as_json: bool,
) -> int:
    event = _read(file)
    with opened_store(settings, destination) as kept:
        place = place_of(kept, letter)
        accepts = KINDS[place.kept.account.kind].accepts
        try:
            edited = place.kept.letters.edit(letter, event, accepts)
        except BadPayload as error:
            leave(f"the event is refused: {error}", FAILED)
        except BuriedAgain as again:
            leave(str(again), FAILED)
        except Changed:
            leave(f"letter {letter} was changed meanwhile: look at it again", FAILED)
        if edited is None:
            leave(absent(letter, kept), FAILED)
        place.kept.actions.record(operator(who), "edited", about=letter)
    if as_json:
        show_json(items.opened(place.kept.account.id, edited))
    else:
        replay = f"relay dead-letters replay {letter} --destination {place.kept.account.id}"
        sys.stdout.write(f"edited {letter}; nothing is sent until: {replay}\n")
    return DONE


def discard_letters(settings: Settings, wish: Discarding, *, as_json: bool) -> int:
    filter_ = filter_of(wish.chosen)
    if bool(wish.ids) == (filter_ != Filter()):
        leave("expected either letters by their ids or a filter such as --group", WRONG_USE)
    with opened_store(settings, _destination(settings, wish)) as kept:
        expect_group(kept, filter_)
        aims = _by_ids(kept, wish) if wish.ids else [_by_filter(kept, filter_, wish.end)]
        if wish.dry_run:
            return _counted(aims, wish, as_json=as_json)
        _confirm(aims, wish)
        count = sum(_carry_out(aim, wish) for aim in aims)
    if as_json:
        show_json({"count": count})
    else:
        done = "was" if count == 1 else "were"
        sys.stdout.write(f"{_letters(count)} {done} {_participle(wish.end)}\n")
    return DONE


def _counted(aims: Sequence[Aim], wish: Discarding, *, as_json: bool) -> int:
    if as_json:
        unconfirmed = sum(aim.unconfirmed for aim in aims)
        show_json({"count": sum(aim.count for aim in aims), "unconfirmed": unconfirmed})
    else:
        sys.stdout.write(f"{_announced(aims, wish, 'would be')}\n")
    return DONE


def _announced(aims: Sequence[Aim], wish: Discarding, verb: str) -> str:
    """How many letters, and of which of them an operator should know."""
    unconfirmed = sum(aim.unconfirmed for aim in aims)
    told = f"{_letters(sum(aim.count for aim in aims))} {verb} {_participle(wish.end)}"
    if not unconfirmed or wish.end == "delivered":
        return told
    are = "is" if unconfirmed == 1 else "are"
    doubt = f"{unconfirmed:,} of them {are} unconfirmed and may have been billed already"
    return f"{told}; {doubt}: --delivered counts them so"


def _destination(settings: Settings, wish: Discarding) -> str | None:
    """A filter is meant for one destination; where there are several it has to be named."""
    named = wish.chosen.destination
    if named is None and not wish.ids and len(settings.destinations) > 1:
        known = ", ".join(settings.destinations)
        leave(f"a filter needs --destination, one of {known}", WRONG_USE)
    return named


def _by_ids(kept: dict[str, Kept], wish: Discarding) -> list[Aim]:
    """The letters of each destination; ends when one lies nowhere, before anything is done."""
    places = [place_of(kept, letter) for letter in dict.fromkeys(wish.ids)]
    mine = {id_: [one for one in places if one.kept.account.id == id_] for id_ in kept}
    return [_named(kept[id_], found, wish.end) for id_, found in mine.items() if found]


def _named(kept: Kept, places: Sequence[Place], end: End) -> Aim:
    ids = [place.id for place in places]
    unconfirmed = sum(place.opened.letter.reason == UNCONFIRMED for place in places)
    about = _some(ids[:NAMED_MAX], len(ids))
    return Aim(kept, len(ids), unconfirmed, about, lambda: iter([kept.letters.discard(ids, end)]))


def _some(ids: Sequence[str], count: int) -> str:
    more = count - len(ids)
    return ", ".join(ids) + (f" and {more:,} more" if more > 0 else "")


def _by_filter(kept: dict[str, Kept], filter_: Filter, end: End) -> Aim:
    """What matches now; what is buried from now on stays."""
    [one] = kept.values()
    last = one.letters.end()
    count, unconfirmed = one.letters.count(filter_, last), 0
    if filter_.reason in (None, UNCONFIRMED):
        doubtful = msgspec.structs.replace(filter_, reason=UNCONFIRMED)
        unconfirmed = one.letters.count(doubtful, last)
    ids = [found.id for found in islice(one.letters.scan(filter_, last), NAMED_MAX)]
    words = ", ".join(f"{name} {value}" for name, value in filter_.written().items())
    about = f"{words}: {_some(ids, count)}"
    steps = partial(one.letters.discard_all, filter_, last, end)
    return Aim(one, count, unconfirmed, about, steps)


def _confirm(aims: Sequence[Aim], wish: Discarding) -> None:
    if wish.yes or not any(aim.count for aim in aims):
        return
    if not sys.stdin.isatty():
        found = _announced(aims, wish, "would be")
        leave(f"{found}: expected --yes, for there is no terminal to ask on", WRONG_USE)
    if not typer.confirm(f"{_announced(aims, wish, 'will be')}. Go on?", err=True):
        leave("nothing was changed", FAILED)


def _carry_out(aim: Aim, wish: Discarding) -> int:
    """Let go step by step; what was done before an interruption is on record as well."""
    done = 0
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=aim.count)
            for step in aim.steps():
                done += step
                progress.update(task, completed=done)
    except KeyboardInterrupt:
        note(f"interrupted: {done:,} of {aim.count:,} were {_participle(wish.end)}")
        raise
    finally:
        if done:
            what = "discarded" if wish.end == "discarded" else "discarded as delivered"
            aim.kept.actions.record(operator(wish.who), what, done, aim.about)
    return done


def _read(file: Path) -> bytes:
    if file == Path("-"):
        if sys.stdin.isatty():
            note("reads the event from this terminal; end it with Ctrl-D")
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        leave(f"--file: cannot read {file}: {error.strerror}", WRONG_USE)


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count:,} dead letters"


def _participle(end: End) -> str:
    return "discarded for good" if end == "discarded" else "counted as delivered"
