"""Asks before letters are replayed or discarded: how many, which of them matter; then does it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from nicegui import ui

from app import operating
from app.console.desk import Desk
from app.console.session import Operator
from app.console.widgets import whole
from app.dead_letters import End, Filter
from app.operating import (
    Conflict,
    Discard,
    Discards,
    announced,
    described,
    discard_announced,
    letters,
    nothing,
    participle,
)
from app.replays import Chosen, Replay, default_rate
from app.replays.replay import RATE_MAX

MANY: Final = 1_000
LOOK_EVERY_S: Final = 0.3
NAME_THEM: Final = "choose them, or filter by the reason unconfirmed, to replay them too"
DISCARD: Final = {"discarded": "Discard", "delivered": "Discard as delivered"}
DELIVERED: Final = "They count as delivered from now on, for the destination has them"

Found = TypeVar("Found")


class _StoppedError(Exception):
    """The operator wants no more of it."""


async def replay(
    desk: Desk, operator: Operator, destination: str, chosen: Chosen
) -> Replay | None:
    """The replay that was begun; None when the operator thought better of it. Raises Refused."""
    verbs = operating.Operator(desk.store, desk.settings, operator.name)
    account = await asyncio.to_thread(verbs.account, destination)
    with _dialog() as dialog:
        survey = await dialog.work(
            "Counting…", lambda heard: verbs.replay_survey(destination, chosen, heard)
        )
        if survey is None:
            return None
        if not survey.count:
            raise Conflict("nothing_to_replay", nothing(survey))
        rate = default_rate(account)
        told = [*announced(survey, account, rate, NAME_THEM)][1:]
        which = named(survey.count, destination, chosen)
        with dialog.question(f"Replay {which}?", told):
            pace = ui.number("Letters a second at most", value=rate, min=1, max=RATE_MAX)
            pace.props("dense outlined").set_visibility(survey.count > 1)
        if not await dialog.agreed("Replay", survey.count, survey.unconfirmed):
            return None
        wanted = None if pace.value is None else float(pace.value)
        return await asyncio.to_thread(verbs.replay, destination, chosen, wanted, survey)


async def discard(
    desk: Desk, operator: Operator, destination: str, chosen: Chosen, end: End
) -> str:
    """What was done, in words; empty when the operator thought better of it. Raises Refused."""
    verbs = operating.Operator(desk.store, desk.settings, operator.name)
    with _dialog() as dialog:
        survey = await dialog.work(
            "Counting…", lambda heard: verbs.discard_survey(destination, chosen, heard)
        )
        if survey is None:
            return ""
        if not survey.count:
            raise Conflict("nothing_to_discard", "no dead letter matches")
        told = [discard_announced(survey, end, "will be"), DELIVERED if end == "delivered" else ""]
        which = named(survey.count, destination, chosen)
        with dialog.question(f"{DISCARD[end]}: {which}?", filter(None, told)):
            pass
        if not await dialog.agreed(DISCARD[end], survey.count, survey.unconfirmed):
            return ""
        begun = desk.discards.begin(verbs, destination, chosen, end, survey)
        await dialog.work(
            f"{letters(survey.count)} of {destination}: {DISCARD[end].lower()}…",
            lambda heard: _follow(desk.discards, begun.id, heard),
            survey.count,
            stop=lambda: desk.discards.cancel(begun.id, 0),
        )
        ended = await asyncio.to_thread(desk.discards.cancel, begun.id)  # waits for it
        return _came_of(ended or begun, end)


def named(count: int, destination: str, chosen: Chosen) -> str:
    """How many letters, and which: the filter that takes all of them in words. Pure."""
    filter_ = f" ({described(chosen)})" if isinstance(chosen, Filter) else ""
    return f"{letters(count)} of {destination}{filter_}"


def _follow(discards: Discards, id_: str, heard: Callable[[int], None]) -> None:
    """Until it has ended, which it does too when its page is closed."""
    while (now := discards.one(id_, LOOK_EVERY_S)) and now.state == "running":
        heard(now.discarded)


def _came_of(one: Discard, end: End) -> str:
    """In words."""
    if one.state == "done":
        return f"{letters(one.discarded)} {participle(end)}"
    why = "The store went away" if one.state == "failed" else "Stopped"
    return f"{why}: {letters(one.discarded)} of {one.total:,} {participle(end)}"


@contextmanager
def _dialog() -> Iterator["_Dialog"]:
    dialog = _Dialog()
    try:
        yield dialog
    finally:
        dialog.end()


class _Dialog:
    """Shows what goes on, or asks. Who closes it ends what goes on."""

    def __init__(self) -> None:
        self.done, self._stopped = 0, False
        self._stop_work: Callable[[], object] | None = None
        with ui.dialog() as self._dialog, ui.card().classes("relay-dialog relay-deciding"):
            self._body = ui.column().classes("relay-part")
        self._dialog.on_value_change(lambda change: self._stop(is_open=bool(change.value)))

    async def work(
        self,
        words: str,
        act: Callable[[Callable[[int], None]], Found],
        total: int | None = None,
        stop: Callable[[], object] | None = None,
    ) -> Found | None:
        """What `act` gives, in a thread, which tells how far it is; None when it was closed.

        Who closes it calls `stop` at once, and `act` ends when it tells the next time.
        """
        self.done, self._stopped, self._stop_work = 0, False, stop
        self._body.clear()
        with self._body:
            ui.label(words).classes("relay-question").props("role=status")
            bar = ui.linear_progress(value=0, show_value=False)
            bar.props("" if total else "indeterminate")
            line = ui.label("").classes("relay-note")
            ui.timer(LOOK_EVERY_S, lambda: self._show(line, bar, total))
            with ui.row().classes("relay-buttons"):
                ui.button("Stop", on_click=self._dialog.close).props("flat no-caps")
        self._dialog.open()
        try:
            found: Found | None = await asyncio.to_thread(act, self._heard)
        except _StoppedError:
            return None
        finally:
            self._stop_work = None
        return None if self._stopped and total is None else found

    @contextmanager
    def question(self, words: str, told: Iterable[str]) -> Iterator[None]:
        """Asks, tells what should be known, and then what is made within."""
        self._body.clear()
        with self._body:
            ui.label(words).classes("relay-question").props("role=heading aria-level=2")
            for one in told:
                ui.label(one[:1].upper() + one[1:] + ".").classes("relay-note")
            yield

    async def agreed(self, go: str, count: int, unconfirmed: int) -> bool:
        """Whether the operator goes on; where it counts, the number has to be typed."""
        with self._body:
            typed = None
            if count > MANY or unconfirmed:
                typed = ui.input(f"Type {whole(count)} to go on").props("dense outlined autofocus")
            with ui.row().classes("relay-buttons"):
                ui.button("Cancel", on_click=lambda: self._dialog.submit(None)).props(
                    "flat no-caps"
                )
                made = ui.button(go, on_click=lambda: self._dialog.submit(go))
                made.props("unelevated no-caps" + ("" if typed else " autofocus"))
            if typed is not None:
                made.disable()
                typed.on_value_change(
                    lambda change: made.set_enabled(is_typed(str(change.value or ""), count))
                )
        return bool(await self._dialog)

    def end(self) -> None:
        if not self._dialog.is_deleted:
            self._dialog.close()
            self._dialog.delete()

    def _show(self, line: ui.label, bar: ui.linear_progress, total: int | None) -> None:
        if total:
            bar.set_value(self.done / total)
            line.set_text(f"{self.done:,} of {total:,}")
        elif self.done:
            line.set_text(f"looked at {self.done:,} letters")

    def _heard(self, count: int) -> None:
        """In the thread that works: ends it when nobody wants it any more."""
        self.done = count
        if self._stopped:
            raise _StoppedError

    def _stop(self, *, is_open: bool) -> None:
        self._stopped = not is_open
        if self._stopped and self._stop_work is not None:
            self._stop_work()


def is_typed(text: str, count: int) -> bool:
    """Whether somebody typed that number, with or without separators."""
    return text.replace(",", "").replace(" ", "").strip() == str(count)
