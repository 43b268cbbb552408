"""What `relay dead-letters` changes: a letter's event, or that letters are there at all."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from app import items
from app.cli.dead_letters import Chosen
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.letters import (
    Kept,
    expect_group,
    filter_of,
    opened_store,
    place_of,
)
from app.cli.tables import show_json
from app.cli.who import who_it_is
from app.dead_letters import End, Filter
from app.operating import (
    Absent,
    Conflict,
    DiscardSurvey,
    Operator,
    Wrong,
    discard_announced,
    letters,
    participle,
)
from app.replays import Chosen as Letters
from app.settings import Settings


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
    """What is let go of at one destination."""

    destination: str
    letters: Letters
    survey: DiscardSurvey


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
        operator = Operator(place.kept.store, settings, who_it_is(who))
        try:
            edited = operator.edit(place.kept.account.id, letter, event)
        except Wrong as error:
            leave(f"the event is refused: {error}", FAILED)
        except (Absent, Conflict) as refused:
            leave(str(refused), FAILED)
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
        store = next(iter(kept.values())).store
        operator = Operator(store, settings, who_it_is(wish.who))
        named = _by_ids(kept, wish) if wish.ids else dict.fromkeys(kept, filter_)
        aims = [Aim(id_, of, operator.discard_survey(id_, of)) for id_, of in named.items()]
        if wish.dry_run:
            return _counted(aims, wish, as_json=as_json)
        _confirm(aims, wish)
        count = sum(_carry_out(operator, aim, wish) for aim in aims)
    if as_json:
        show_json({"count": count})
    else:
        done = "was" if count == 1 else "were"
        sys.stdout.write(f"{letters(count)} {done} {participle(wish.end)}\n")
    return DONE


def _counted(aims: Sequence[Aim], wish: Discarding, *, as_json: bool) -> int:
    if as_json:
        unconfirmed = sum(aim.survey.unconfirmed for aim in aims)
        show_json({"count": sum(aim.survey.count for aim in aims), "unconfirmed": unconfirmed})
    else:
        sys.stdout.write(f"{_announced(aims, wish, 'would be')}\n")
    return DONE


def _announced(aims: Sequence[Aim], wish: Discarding, verb: str) -> str:
    """How many letters, and of which of them an operator should know."""
    count, unconfirmed = (
        sum(getattr(aim.survey, name) for aim in aims) for name in ("count", "unconfirmed")
    )
    told = discard_announced(DiscardSurvey(count, unconfirmed, 0), wish.end, verb)
    doubtful = unconfirmed and wish.end != "delivered"
    return f"{told}: --delivered counts them so" if doubtful else told


def _destination(settings: Settings, wish: Discarding) -> str | None:
    """A filter is meant for one destination; where there are several it has to be named."""
    named = wish.chosen.destination
    if named is None and not wish.ids and len(settings.destinations) > 1:
        known = ", ".join(settings.destinations)
        leave(f"a filter needs --destination, one of {known}", WRONG_USE)
    return named


def _by_ids(kept: dict[str, Kept], wish: Discarding) -> dict[str, Letters]:
    """The letters of each destination; ends when one lies nowhere, before anything is done."""
    places = [place_of(kept, letter) for letter in dict.fromkeys(wish.ids)]
    lying = {id_: [one.id for one in places if one.kept.account.id == id_] for id_ in kept}
    return {id_: found for id_, found in lying.items() if found}


def _confirm(aims: Sequence[Aim], wish: Discarding) -> None:
    if wish.yes or not any(aim.survey.count for aim in aims):
        return
    if not sys.stdin.isatty():
        found = _announced(aims, wish, "would be")
        leave(f"{found}: expected --yes, for there is no terminal to ask on", WRONG_USE)
    if not typer.confirm(f"{_announced(aims, wish, 'will be')}. Go on?", err=True):
        leave("nothing was changed", FAILED)


def _carry_out(operator: Operator, aim: Aim, wish: Discarding) -> int:
    """Let go step by step, and say how many before an interruption."""
    done = 0
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=aim.survey.count)

        def shown(gone: int) -> None:
            nonlocal done
            done = gone
            progress.update(task, completed=gone)

        try:
            operator.discard(aim.destination, aim.letters, wish.end, aim.survey, shown)
        except KeyboardInterrupt:
            note(f"interrupted: {done:,} of {aim.survey.count:,} were {participle(wish.end)}")
            raise
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
