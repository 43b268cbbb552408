"""A destination's card on the overview: made once, and then only changed where something has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from nicegui import ui

from app import operating
from app.console.overview.cards import Card, Fact, Number
from app.console.overview.charts import Chart
from app.console.overview.past import Picture
from app.console.widgets import STATES, button, confirmed

REASON_MAX: Final = 200

Done = Callable[[], Awaitable[None]]


class DestinationCard:
    """Without `verbs` there is no button. `done` is called after something was changed."""

    def __init__(self, card: Card, verbs: operating.Operator | None, done: Done) -> None:
        self._card, self._verbs, self._done = card, verbs, done
        self._numbers: dict[str, NumberTile] = {}
        self._facts: dict[str, FactLine] = {}
        self._picture: Picture | None = None
        with ui.card().classes("relay-destination").props(f'role=region aria-label="{card.id}"'):
            self._head(card)
            self._reason = ui.label().classes("relay-reason")
            with ui.element("div").classes("relay-figures"):
                for number in card.numbers:
                    self._numbers[number.name] = NumberTile(number)
            with ui.element("dl").classes("relay-lines"):
                for fact in card.facts:
                    self._facts[fact.name] = FactLine(fact)
            self._under = ui.element("div").classes("relay-under")
        self.show(card)

    def show(self, card: Card) -> None:
        """Change what differs; what stays is not touched, so that focus stays too."""
        self._card = card
        self._state.set_text(card.state)
        _toned(self._state, f"relay-state relay-{STATES.get(card.state, 'fair')}")
        self._reason.set_text(card.reason)
        self._reason.set_visibility(bool(card.reason))
        if self._button is not None:
            word, icon = ("Resume", "play_arrow") if card.state == "paused" else ("Pause", "pause")
            self._button.set_text(word)
            self._button.props(f'icon={icon} aria-label="{word} {card.id}"')
        for number in card.numbers:
            if tile := self._numbers.get(number.name):
                tile.show(number)
        for fact in card.facts:
            self._facts[fact.name].show(fact)

    def draw(self, chart: Chart) -> None:
        """Its chart, below the rest."""
        if self._picture is not None:
            self._picture.show(chart)
            return
        with self._under:
            self._picture = Picture(chart)

    def _head(self, card: Card) -> None:
        with ui.row().classes("relay-card-head"):
            ui.link(card.id, f"/destinations/{card.id}").classes("relay-id")
            if card.kind != card.id:
                ui.label(card.kind).classes("relay-note")
            self._state = ui.badge("", color=None)
            ui.space()
            self._button: ui.button | None = None
            if self._verbs is not None and card.configured:
                self._button = button("Pause", self._press)
                self._button.props("flat")

    async def _press(self) -> None:
        verbs, card = self._verbs, self._card
        assert verbs is not None  # noqa: S101 - without them there is no button
        if card.state == "paused":
            if not await confirmed(f"Resume {card.id}?", "Resume", detail=f"Paused {card.reason}"):
                return
            await asyncio.to_thread(verbs.resume, card.id)
        else:
            reason = await _reason(card.id)
            if reason is None:
                return
            await asyncio.to_thread(verbs.pause, card.id, reason)
        await self._done()


class NumberTile:
    """A number with its change a second, which together are the link to the list behind it."""

    def __init__(self, number: Number) -> None:
        with ui.link(target=number.address).classes("relay-figure") as self._link:
            ui.label(number.name).classes("relay-figure-name")
            self._count = ui.label(number.count).classes("relay-figure-count")
            self._flow = ui.label(number.flow).classes("relay-figure-flow")
        self.show(number)

    def show(self, number: Number) -> None:
        self._count.set_text(number.count)
        self._flow.set_text(number.flow)
        _toned(self._count, f"relay-figure-count relay-tone-{number.tone or 'none'}")


class FactLine:
    """A name and what is said about it; it is not seen while there is nothing to say."""

    def __init__(self, fact: Fact) -> None:
        with ui.element("div").classes("relay-line") as self._line:
            with ui.element("dt"):
                ui.label(fact.name)
            with ui.element("dd"):
                made = ui.link("", fact.address) if fact.address else ui.label()
                self._words: ui.link | ui.label = made
        self.show(fact)

    def show(self, fact: Fact) -> None:
        self._line.set_visibility(bool(fact.words))
        self._words.set_text(fact.words)
        if not fact.address:
            _toned(self._words, f"relay-tone-{fact.tone or 'none'}")


async def _reason(destination: str) -> str | None:
    """Ask why it is paused; None for one who thought better of it."""
    with ui.dialog() as dialog, ui.card().classes("relay-dialog"):
        ui.label(f"Pause {destination}?").classes("relay-question")
        ui.label("Events wait in order; what is under way may still arrive.").classes("relay-note")
        why = ui.input("Reason", placeholder="why, for whoever looks at it next")
        why.props(f"autofocus outlined dense maxlength={REASON_MAX}").classes("relay-wide")
        why.on("keydown.enter", lambda: dialog.submit(why.value or ""))
        with ui.row().classes("relay-buttons"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button("Pause", on_click=lambda: dialog.submit(why.value or "")).props(
                "unelevated no-caps"
            )
    reason = await dialog
    dialog.delete()
    return None if reason is None else str(reason).strip()


def _toned(element: ui.element, classes: str) -> None:
    if element.classes != classes.split():
        element.classes(replace=classes)
