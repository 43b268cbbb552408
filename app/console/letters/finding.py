"""Finds a letter that an address names, or what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from app.actions import KEPT, Action, Actions
from app.console.desk import Desk
from app.console.letters.asked import Asked
from app.console.letters.shown import letter_path, moment
from app.console.lines import differences
from app.console.widgets import nothing
from app.dead_letters import Burial, BuriedAgain, DeadLetters, Neighbours, Opened, neighbours
from app.delivery import Delivery
from app.operating import named
from app.replays import Replay, Replays
from app.settings import DestinationSettings

PATH: Final = "/dead-letters"
SINCE_MAX: Final = 3
ALONE: Final = Neighbours(None, None)


@dataclass(frozen=True, slots=True)
class Found:
    """A letter with what lies beside it, or what became of one that is not there.

    `differ` are the lines in which an operator changed its event; None where nobody compared it.
    """

    opened: Opened | None = None
    beside: Neighbours = ALONE
    differ: Sequence[tuple[str, str]] | None = None
    again: str = ""
    replay: Replay | None = None
    action: Action | None = None
    since: tuple[Replay, ...] = ()


def found_letter(desk: Desk, account: DestinationSettings, letter: str, wish: Asked) -> Found:
    letters = DeadLetters(desk.store, account)
    try:
        opened = letters.open(letter)
    except BuriedAgain as again:
        return Found(again=again.now.id)
    if opened is not None:
        return Found(opened, neighbours(letters, wish.filter, opened.at), _differ(opened.delivery))
    burial = Burial.named(letter)
    return Found() if burial is None else _fate(desk, account, burial)


def _differ(delivery: Delivery) -> Sequence[tuple[str, str]] | None:
    original = delivery.original
    return None if original is None else differences(original, delivery.event)


def _fate(desk: Desk, account: DestinationSettings, burial: Burial) -> Found:
    """What is known of a letter that is not there any more."""
    replays, actions = Replays(desk.store, account), Actions(desk.store, account.id)
    discards = (one for one in actions.newest(KEPT) if one.what.startswith("discarded"))
    return Found(
        replay=replays.taking(burial.id),
        action=next((one for one in discards if burial.id in named(one.about)), None),
        since=tuple(one for one in replays.newest() if one.before > burial.at)[-SINCE_MAX:],
    )


def show_gone(destination: str, letter: str, found: Found, wish: Asked) -> None:
    """What became of a letter that is not there."""
    if found.again:
        ui.label("This letter was replayed, and buried again.").classes("relay-sentence")
        ui.link("The letter as it is now", wish.there(letter_path(destination, found.again)))
    elif found.replay is not None:
        ui.label("This letter is under way again.").classes("relay-sentence")
        ui.link(f"Replay {found.replay.id}", f"/replays/{found.replay.id}")
    elif found.action is not None:
        one = found.action
        told = f"This letter is gone: {one.what} by {one.who} at {moment(one.at)} UTC."
        ui.label(told).classes("relay-sentence")
    else:
        told = f"There is no dead letter {letter} at {destination}."
        ui.label(told).classes("relay-sentence")
        nothing("It was replayed or discarded, or the id is wrong.")
        for replay in found.since:
            began = f"Replay {replay.id} began at {moment(replay.began_at)}, and may have taken it"
            ui.link(began, f"/replays/{replay.id}")
    ui.link("Dead letters", wish.there(PATH))
