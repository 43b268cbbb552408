"""The form in which a mapping rule is typed: it shows what the rule would match, before it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import uuid4

from nicegui import ui

from app import operating
from app.console.desk import Desk
from app.console.letters.shown import moment
from app.console.lines import pretty
from app.console.rules.conditions import Conditions
from app.console.rules.typed import TypedRule
from app.console.session import Operator
from app.console.widgets import address, apart, button, code, confirmed, section
from app.mapping import BadRule, Rule
from app.settings import DestinationSettings
from app.unmapped import Parked, Trial, UnmappedEvents

PAUSE_S: Final = 0.4
COMPARED: Final = (
    "Values are compared as JSON: the text 5 is not the number 5, and true is neither."
)
NO_CONDITION: Final = "Name an event or a property, or press a group: it shows what would match."
ADDED: Final = {"feature": "Feature", "name": "Name of the rule", "id": "Id of the rule"}
LEFT_OUT: Final = {"feature": "its id, as in featureId", "name": "its id", "id": "one is made"}


class RuleForm:
    """One of a page; `added` is called when a rule was added."""

    def __init__(
        self,
        desk: Desk,
        operator: Operator,
        account: DestinationSettings,
        added: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk, self._operator, self._account, self._added = desk, operator, account, added
        self._conditions = Conditions(self._changed)
        self._boxes: dict[str, ui.input] = {}
        self._keys = 0
        self._one_at_a_time = asyncio.Lock()

    def make(self, event: str = "", path: str = "", value: str = "") -> None:
        """Make it here, with what is asked for filled in."""
        with ui.card().classes("relay-wide") as self._card:
            section("Test a rule")
            self._event = _input("Event is named", event, "any name")
            self._event.classes("relay-wide").on_value_change(self._changed)
            self._conditions.make()
            ui.label(COMPARED).classes("relay-note")
            self._shown = ui.column().classes("relay-part").props("role=status aria-live=polite")
            if not self._operator.read_only:
                self._to_add()
        if path:
            self._conditions.demand(path, value)
        ui.timer(0.01, self._changed, once=True)

    async def take_event(self, name: str) -> None:
        """Only events of this name."""
        self._event.set_value(name)
        await self._show_up()

    async def take_property(self, path: str, value: str) -> None:
        """Only events with this value (JSON) at this path."""
        self._conditions.demand(path, value)
        await self._show_up()

    def _to_add(self) -> None:
        section("Add it")
        with ui.element("div").classes("relay-form"):
            for field, label in ADDED.items():
                self._boxes[field] = _input(label, "", LEFT_OUT[field])
        with ui.row():
            button("Add the rule", self._add, "add_task")
            ui.button("Clear", on_click=self._clear).props("flat dense no-caps")

    async def _show_up(self) -> None:
        ui.run_javascript(f"getHtmlElement({self._card.id}).scrollIntoView({{block: 'nearest'}})")
        await self._changed()

    async def _changed(self) -> None:
        """Try it when nothing was typed for a moment; what was typed meanwhile is tried last."""
        self._keys += 1
        keys = self._keys
        await asyncio.sleep(PAUSE_S)
        async with self._one_at_a_time:
            if keys == self._keys and not self._card.is_deleted:
                await self._try()

    async def _try(self) -> None:
        try:
            rule = self._typed().trial()
        except BadRule as bad:
            self._mark(bad.faults)
            self._tell(None)
            return
        self._mark({})
        trial = await self._trial(rule)
        if not self._card.is_deleted:
            self._tell(trial)

    async def _trial(self, rule: Rule) -> Trial:
        unmapped = UnmappedEvents(self._desk.store, self._account.id)
        return await asyncio.to_thread(unmapped.trial, rule)

    def _tell(self, trial: Trial | None) -> None:
        self._shown.clear()
        with self._shown:
            if trial is None:
                ui.label(NO_CONDITION).classes("relay-note")
                return
            ui.label(f"It would match {matched(trial)}").classes("relay-what")
            for one in trial.samples:
                _sample(one)

    def _typed(self) -> TypedRule:
        told = {name: str(box.value or "") for name, box in self._boxes.items()}
        return TypedRule(
            event=str(self._event.value or ""), conditions=tuple(self._conditions.typed), **told
        )

    def _mark(self, faults: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it, or nothing."""
        self._conditions.mark(faults)
        for name, box in {"event": self._event, **self._boxes}.items():
            box.error = faults.get(name)

    async def _add(self) -> None:
        try:
            rule = self._typed().rule(uuid4().hex[:8])
        except BadRule as bad:
            self._mark(bad.faults)
            ui.notify(str(bad), type="negative")
            return
        self._mark({})
        detail = consequences(rule, await self._trial(rule), dry_run=self._account.dry_run)
        if await confirmed(f"Add this rule for {rule.feature}?", "Add it", detail=detail):
            await self._add_it(rule)

    async def _add_it(self, rule: Rule) -> None:
        verbs = operating.Operator(self._desk.store, self._desk.settings, self._operator.name)
        try:
            added = await asyncio.to_thread(verbs.add_rule, self._account.id, rule)
        except operating.Refused as refused:
            self._mark({refused.field: str(refused)})
            raise
        tried = f"; it is tried on {added.unmapped:,} unmapped events" if added.unmapped else ""
        ui.notify(f"Rule {rule.id} holds from now on{tried}", type="positive")
        await self._clear()
        await self._added()

    async def _clear(self) -> None:
        for box in (self._event, *self._boxes.values()):
            box.set_value("")
        self._conditions.replace([])
        await self._changed()


def matched(trial: Trial) -> str:
    """How many of how many."""
    if trial.looked < trial.total:
        return (
            f"{trial.matched:,} of the newest {trial.looked:,} of {trial.total:,} unmapped events"
        )
    return f"{trial.matched:,} of {trial.looked:,} unmapped events"


def consequences(rule: Rule, trial: Trial, *, dry_run: bool) -> str:
    """What follows when the rule is added."""
    when = "once the dry run has ended" if dry_run else "step by step from now on"
    return (
        f"It holds for the next events at once. It matches {matched(trial)}: what matches is sent "
        f"as usage of {rule.feature}, {when}, and is billed. Removing the rule later takes "
        "nothing of that back."
    )


def _input(label: str, value: str, placeholder: str) -> ui.input:
    box = ui.input(label, value=value, placeholder=placeholder)
    box.props("dense outlined stack-label hide-bottom-space")
    return box


def _sample(one: Parked) -> None:
    told = f"{apart(one.event.text('event') or '(no name)')} of {apart(one.delivery.user)}"
    with ui.element("details").classes("relay-sample"):
        with ui.element("summary"):
            ui.label(f"{told}, {moment(one.parked_at)}").classes("relay-inline")
        ui.link("Trace", address("/trace", message_id=one.delivery.id, user=one.delivery.user))
        code(pretty(one.delivery.event))
