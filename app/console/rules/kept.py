"""The mapping rules of a destination, how far new ones have come, and the way to remove one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from nicegui import ui

from app import operating
from app.console.desk import Desk
from app.console.letters.shown import moment
from app.console.live import Live, Shared
from app.console.session import Operator
from app.console.widgets import button, confirmed, nothing, section, whole
from app.destinations import KINDS
from app.mapping import Rule
from app.moving import told
from app.rules import Kept, Rules
from app.settings import DestinationSettings
from app.unmapped import Remapping, Run

RUNNING_S: Final = 1.0
RESTING_S: Final = 2.0
CONFIGURED: Final = "relay.toml"
NO_RULES: Final = "There are no rules: every event that names no feature stays unmapped."
REMOVED: Final = (
    "Events that only this rule maps are unmapped from now on. What it has matched stays as it "
    "is: recorded usage is not taken back."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The rules in their order, and the newest run over what is unmapped."""

    rules: Sequence[Kept]
    run: Run | None


class RuleList:
    """One of a page; it is followed while it is open, closely while events move."""

    def __init__(
        self, desk: Desk, shared: Shared, operator: Operator, account: DestinationSettings
    ) -> None:
        self._desk, self._shared = desk, shared
        self._operator, self._account = operator, account
        self._key = (account.id, "rules")
        self._shown: list[tuple[Rule, int | None]] | None = None

    async def begin(self) -> None:
        self._live = await Live(self.read, self._show, again, anew=False).begin()

    async def look(self) -> None:
        """Anew, for something was changed."""
        self._shared.forget(self._key)
        await self._live.look()

    async def read(self) -> Standing:
        """As of now or lately, once for all pages."""
        return await self._shared.of(self._key, self._standing)

    def _standing(self) -> Standing:
        store = self._desk.store
        run = Remapping(store, KINDS[self._account.kind], self._account).run()
        kept = Rules(store, self._account.id).kept()
        return Standing(tuple(kept), None if run is None else told(store, run))

    def _show(self, found: Standing) -> None:
        """Made once; then only what is another is changed, so that the focus stays."""
        rules = [(one.rule, one.created_at) for one in found.rules]
        if self._shown is None:
            self._progress = _Progress()
            section("Rules")
            self._cards = ui.column().classes("relay-part")
        self._progress.show(found.run)
        if self._shown != rules:
            self._cards.clear()
            with self._cards:
                self._notes = [self._rule(one) for one in found.rules]
                if not rules:
                    nothing(NO_RULES)
            self._shown = rules
        for note, one in zip(self._notes, found.rules, strict=True):
            note.set_text(f"{whole(one.matches)} matched, {_made(one)}")

    def _rule(self, one: Kept) -> ui.label:
        """Its card; gives the label for what changes."""
        with ui.card().classes("relay-wide").props(f'role=group aria-label="Rule {one.rule.id}"'):
            with ui.row().classes("relay-head"):
                ui.label(one.rule.name).classes("relay-what")
                if one.rule.name != one.rule.id:
                    ui.label(one.rule.id).classes("relay-mono")
                ui.label(f"usage of {one.rule.feature}")
                ui.space()
                self._removal(one)
            for words in conditions(one.rule):
                ui.label(words).classes("relay-mono")
            return ui.label().classes("relay-note")

    def _removal(self, one: Kept) -> None:
        if one.created_at is None:
            ui.label(f"of {CONFIGURED}: removed there").classes("relay-note")
        elif not self._operator.read_only:
            made = button("Remove", lambda: self._remove(one), "delete").props("flat")
            made.props(f'aria-label="Remove rule {one.rule.id}"')

    async def _remove(self, one: Kept) -> None:
        if not await confirmed(f"Remove rule {one.rule.id}?", "Remove it", detail=REMOVED):
            return
        verbs = operating.Operator(self._desk.store, self._desk.settings, self._operator.name)
        await asyncio.to_thread(verbs.remove_rule, self._account.id, one.rule.id)
        ui.notify(f"Rule {one.rule.id} is removed")
        await self.look()


def again(found: Standing) -> float:
    run = found.run
    moving = run is not None and (run.state == "running" or run.under_way > 0)
    return RUNNING_S if moving else RESTING_S


def conditions(rule: Rule) -> list[str]:
    """What an event has to have, a line for each; values as JSON."""
    named = [] if rule.event is None else [f"event = {_json(rule.event)}"]
    return [*named, *(f"{path} = {_json(value)}" for path, value in rule.properties.items())]


def came_to(run: Run) -> str:
    """What became of the unmapped events that rules took."""
    counts = {
        "delivered": run.delivered,
        "skipped": run.skipped,
        "dead": run.dead,
        "unmapped again": run.unmapped,
        "under way": run.under_way,
    }
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


class _Progress:
    """How far the newest run is; not seen where there was none."""

    def __init__(self) -> None:
        with ui.column().classes("relay-part") as self._place:
            section("Reprocessing of what is unmapped")
            self._bar = ui.linear_progress(show_value=False, color="primary")
            self._bar.props('aria-label="Reprocessing"')
            self._looked = ui.label().classes("relay-what").props("role=status")
            self._when = ui.label().classes("relay-note")
            self._standing = ui.label().classes("relay-fault")
            self._came_to = ui.label().classes("relay-note")

    def show(self, run: Run | None) -> None:
        self._place.set_visibility(run is not None)
        if run is None:
            return
        self._bar.set_value(min(1.0, run.looked / run.total if run.total else 1.0))
        self._bar.set_visibility(run.state == "running")
        looked = f"{run.looked:,} of {run.total:,} looked at, {run.taken:,} taken by rules"
        self._looked.set_text(f"{'running' if run.state == 'running' else 'done'}: {looked}")
        ended = "" if run.ended_at is None else f", ended {moment(run.ended_at)}"
        self._when.set_text(f"began {moment(run.began_at)}{ended}")
        _told(self._standing, "It stands still: ", run.standing)
        _told(self._came_to, "Of all that rules ever took: ", came_to(run))


def _told(label: ui.label, before: str, words: str) -> None:
    """Seen where there is something to say."""
    label.set_text(f"{before}{words}")
    label.set_visibility(bool(words))


def _made(one: Kept) -> str:
    return f"of {CONFIGURED}" if one.created_at is None else f"made {moment(one.created_at)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
