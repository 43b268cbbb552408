"""`relay dead-letters replay`: counts, asks, begins, and waits if it is told to."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import redis
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app import items
from app.cli.dead_letters import Chosen
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.letters import expect_group, filter_of, opened_store, place_of
from app.cli.reach import named, reached
from app.cli.tables import printable, show_json
from app.cli.who import who_it_is
from app.clock import milliseconds
from app.dead_letters import Filter
from app.moving import told
from app.operating import Conflict, Operator, Wrong, announced, nothing, outcome
from app.presence import alive_since
from app.readiness import standing_still
from app.replays import Chosen as Letters
from app.replays import (
    Replay,
    Replays,
    Survey,
    default_rate,
)
from app.settings import DestinationSettings, Settings

LOOK_EVERY_S = 0.5
NAME_THEM = "name --reason unconfirmed or their ids"


@dataclass(frozen=True, slots=True)
class Replaying:
    """Which letters to replay, by ids or by a filter, and how."""

    ids: tuple[str, ...]
    chosen: Chosen
    rate: float | None
    dry_run: bool
    yes: bool
    wait: bool
    who: str | None


def replay_letters(settings: Settings, wish: Replaying, *, as_json: bool) -> int:
    account, letters = _aim(settings, wish)
    with reached(settings) as store:
        operator = Operator(store, settings, who_it_is(wish.who))
        try:
            survey = operator.replay_survey(account.id, letters)
            if wish.dry_run:
                return _counted(survey, account, wish, as_json=as_json)
            if not survey.count:
                leave(nothing(survey, NAME_THEM), FAILED)
            _confirm(survey, account, wish)
            begun = operator.replay(account.id, letters, wish.rate, survey)
        except Conflict as refused:
            leave(str(refused), FAILED)
        except Wrong as refused:
            leave(str(refused), WRONG_USE)
        for obstacle in standing_still(store, alive_since(milliseconds())):
            note(obstacle.why)
        return _begun(store, Replays(store, account), begun, wish, as_json=as_json)


def _aim(settings: Settings, wish: Replaying) -> tuple[DestinationSettings, Letters]:
    """The destination, and the letters by their ids or a filter."""
    filter_, destination = filter_of(wish.chosen), wish.chosen.destination
    if wish.ids and filter_ != Filter():
        leave("expected either letters by their ids or a filter, found both", WRONG_USE)
    if not wish.ids:
        if filter_ == Filter() and destination is None:
            leave(
                "expected letters by their ids, a filter such as --group, or --destination alone "
                "for all of its letters",
                WRONG_USE,
            )
        wanted = destination or named(settings, None).id
        with opened_store(settings, wanted) as kept:
            expect_group(kept, filter_)
        return kept[wanted].account, filter_
    with opened_store(settings, destination) as kept:
        places = {place_of(kept, letter).kept.account.id for letter in wish.ids}
    if len(places) > 1:
        leave(f"these letters lie at {' and '.join(sorted(places))}: replay each alone", WRONG_USE)
    return kept[places.pop()].account, wish.ids


def _counted(
    survey: Survey, account: DestinationSettings, wish: Replaying, *, as_json: bool
) -> int:
    if as_json:
        show_json(items.survey(survey))
    else:
        rate = wish.rate or default_rate(account)
        sys.stdout.write("would replay " + _sentences(announced(survey, account, rate, NAME_THEM)))
    return DONE


def _confirm(survey: Survey, account: DestinationSettings, wish: Replaying) -> None:
    about = _sentences(announced(survey, account, wish.rate or default_rate(account), NAME_THEM))
    if wish.yes:
        return
    if not sys.stdin.isatty():
        sys.stderr.write(f"would replay {about}")
        leave("expected --yes, for there is no terminal to ask on", WRONG_USE)
    if not typer.confirm(f"will replay {about}Go on?", err=True):
        leave("nothing was changed", FAILED)


def _sentences(told: Iterator[str]) -> str:
    return "".join(f"{printable(one)}\n" for one in told)


def _begun(
    store: redis.Redis, replays: Replays, begun: Replay, wish: Replaying, *, as_json: bool
) -> int:
    if not wish.wait:
        if as_json:
            show_json({"id": begun.id, "count": begun.total})
        else:
            sys.stdout.write(f"replay {begun.id} began; relay replays show {begun.id}\n")
        return DONE
    ended = _awaited(store, replays, begun)
    if as_json:
        show_json(items.replay(ended))
    else:
        sys.stdout.write(f"replay {ended.id} {outcome(ended)}\n")
    return DONE if ended.state == "done" and not ended.dead else FAILED


def _awaited(store: redis.Redis, replays: Replays, begun: Replay) -> Replay:
    """The replay once it has ended; an interruption leaves it running."""
    console, why = Console(stderr=True), ""
    if not console.is_terminal:
        note(f"replay {begun.id} began: {begun.total:,} to replay")
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=begun.total)
            while (now := replays.one(begun.id)) and now.state == "running":
                standing = told(store, now).standing
                finished = now.replayed - now.under_way
                progress.update(task, completed=finished, description=printable(standing))
                if not console.is_terminal and _kind(standing) not in ("", _kind(why)):
                    why = standing
                    note(printable(f"replay {now.id}, {now.replayed:,} replayed: {why}"))
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        leave(f"interrupted; the replay goes on: relay replays cancel {begun.id} ends it", FAILED)
    if now is None:
        leave(f"there is no replay {begun.id} any more", FAILED)
    return now


def _kind(standing: str) -> str:
    """Why it stands still without the numbers, which are others at every look."""
    return re.sub(r"\d", "", standing)
