"""Replays: those that run with how far they are, and what came of the others."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import operating
from app.clock import milliseconds
from app.console.desk import Desk
from app.console.frame import framed
from app.console.letters.shown import moment
from app.console.listing import Column, listing
from app.console.live import Live, Shared
from app.console.session import Operator
from app.console.widgets import address, button, confirmed, length, nothing, section, whole
from app.moving import newest_replays
from app.operating import described, outcome
from app.overview import known
from app.replays import Replay

PATH: Final = "/replays"
EVERY_S: Final = 1.0
IDLE_S: Final = 5.0
COLUMNS: Final = (
    Column("began", "Began (UTC)", "moment", link="open"),
    Column("state", "State", "word"),
    Column("destination", "Destination", "short"),
    Column("who", "By", "short"),
    Column("about", "Letters"),
    Column("total", "Total", "number"),
    Column("replayed", "Replayed", "number"),
    Column("delivered", "Delivered", "number"),
    Column("dead", "Dead again", "number"),
    Column("other", "Skipped, unmapped", "number"),
    Column("ended", "Ended (UTC)", "moment"),
)
CANCELS: Final = (
    "It moves no more of its letters; they stay dead letters. What is under way goes on."
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is; `left_s` is how long it takes at least."""

    share: float
    numbers: Mapping[str, int]
    left_s: float | None
    note: str


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page(PATH)
    async def page(request: Request) -> None:
        with framed(desk, request, "Replays") as operator:
            await Live(
                lambda: shared.of("all", partial(newest, desk)),
                lambda found: _show_all(desk, operator, found),
                lambda found: EVERY_S if any(map(_is_live, found)) else IDLE_S,
            ).begin()

    @ui.page(PATH + "/{replay}")
    async def one(request: Request, replay: str) -> None:
        with framed(desk, request, "Replay") as operator:
            ui.link("All replays", PATH)
            await Live(
                lambda: shared.of("all", partial(newest, desk)),
                lambda found: _show_one(desk, operator, replay, found),
                lambda found: EVERY_S if any(map(_is_live, found)) else IDLE_S,
            ).begin()


def newest(desk: Desk) -> list[Replay]:
    """The replays of all destinations, the newest first."""
    return newest_replays(desk.store, known(desk.store, desk.settings))


def progress(replay: Replay, now: int) -> Progress:
    """Pure; `now` is in ms since the epoch."""
    finished = replay.replayed - replay.under_way
    share = 1.0 if replay.state == "done" else finished / max(1, replay.total)
    numbers = {
        "replayed": replay.replayed,
        "under way": replay.under_way,
        "delivered": replay.delivered,
        "dead again": replay.dead,
        "skipped": replay.skipped,
        "unmapped": replay.unmapped,
    }
    return Progress(share, numbers, _left(replay, finished, now), replay.standing)


def _left(replay: Replay, finished: int, now: int) -> float | None:
    """By what was finished a second so far, no faster than its rate; None at the beginning."""
    if replay.state != "running" or not finished:
        return None
    done = finished / max(0.001, (now - replay.began_at) / 1000)
    return (replay.total - finished) / min(done, replay.rate)


def about(replay: Replay) -> str:
    """Which letters it is about, in words."""
    if replay.filter is None:
        return f"{replay.named:,} by id"
    return described(replay.filter)


def died_again(replay: Replay) -> str:
    """The address of the letters that a replay brought back as dead letters."""
    until = None if replay.ended_at is None else moment(replay.ended_at + 1_000) + "Z"
    return address(
        "/dead-letters",
        destination=replay.destination,
        since=moment(replay.began_at) + "Z",
        until=until,
    )


def _row(one: Replay) -> Mapping[str, object]:
    return {
        "id": one.id,
        "began": moment(one.began_at),
        "state": one.state,
        "destination": one.destination,
        "who": one.who,
        "about": about(one),
        "total": whole(one.total),
        "replayed": whole(one.replayed),
        "delivered": whole(one.delivered),
        "dead": whole(one.dead),
        "other": whole(one.skipped + one.unmapped),
        "ended": "" if one.ended_at is None else moment(one.ended_at),
        "open": f"{PATH}/{one.id}",
    }


def _is_live(one: Replay) -> bool:
    return one.state == "running" or one.under_way > 0


def _show_all(desk: Desk, operator: Operator, found: Sequence[Replay]) -> None:
    live = [one for one in found if one.state == "running"]
    for one in live:
        _card(desk, operator, one)
    section("History")
    ended = [one for one in found if one.state != "running"]
    if not ended:
        nothing("No replay has ended yet. Begin one from the dead letters.")
        return
    listing(COLUMNS, [_row(one) for one in ended])


def _show_one(desk: Desk, operator: Operator, id_: str, found: Sequence[Replay]) -> None:
    replay = next((one for one in found if one.id == id_), None)
    if replay is None:
        nothing(f"There is no replay {id_}: the newest 100 of a destination are kept.")
        return
    _card(desk, operator, replay)


def _card(desk: Desk, operator: Operator, replay: Replay) -> None:
    """One replay as it stands."""
    found = progress(replay, milliseconds())
    with ui.card().classes("relay-wide"):
        with ui.row().classes("relay-head"):
            ui.link(f"Replay {replay.id}", f"{PATH}/{replay.id}").classes("relay-question")
            ui.label(replay.state).classes("relay-word").props(f'data-word="{replay.state}"')
        ui.label(f"{replay.destination}: {about(replay)}").classes("relay-break")
        began = f"by {replay.who} at {moment(replay.began_at)} UTC"
        ui.label(f"{began}, at most {replay.rate:g} a second").classes("relay-note")
        ui.linear_progress(found.share, show_value=False).props(f'aria-label="{outcome(replay)}"')
        ui.label(outcome(replay)).props("role=status")
        _numbers(found)
        if found.note:
            ui.label(f"Stands still: {found.note}").classes("relay-fault")
        elif found.left_s is not None:
            ui.label(f"About {length(found.left_s)} to go").classes("relay-note")
        with ui.row().classes("relay-verbs"):
            if replay.dead:
                ui.link("Letters that died again", died_again(replay))
            if replay.state == "running" and not operator.read_only:
                button("Cancel…", lambda: _cancel(desk, operator, replay), "stop").props("outline")


def _numbers(found: Progress) -> None:
    with ui.element("dl").classes("relay-numbers"):
        for name, count in found.numbers.items():
            with ui.element("div"):
                with ui.element("dt"):
                    ui.label(name)
                with ui.element("dd"):
                    ui.label(whole(count))


async def _cancel(desk: Desk, operator: Operator, replay: Replay) -> None:
    left = replay.total - replay.replayed
    question = f"Cancel this replay, with {left:,} letters left?"
    if not await confirmed(question, "Cancel the replay", detail=CANCELS):
        return
    verbs = operating.Operator(desk.store, desk.settings, operator.name)
    ended = await asyncio.to_thread(verbs.cancel, replay.id)
    ui.notify(outcome(ended))
