"""Events as they come to their end, in a sample that can be stopped."""

from collections.abc import Sequence
from typing import Final, get_args

from nicegui import ui
from nicegui.events import KeyEventArguments
from starlette.requests import Request

from app.console.desk import Desk
from app.console.frame import framed
from app.console.overview.cards import Flow, flow_words
from app.console.stream import AT_ONCE, Happening, Outcome, Stream
from app.console.watch import Look
from app.console.widgets import Row, address, choice, fault, table
from app.settled import Finish

ALL: Final = "all"
SHOWN: Final = 100
EVERY_S: Final = 1.0
KEY: Final = "p"
COLUMNS: Final = ("at", "message_id", "where", "outcome", "what_came_of_it")
OUTCOMES: Final = (*get_args(Finish), "dead", "unmapped", "refused")
TONES: Final = {"delivered": "none", "dead": "bad", "unmapped": "fair", "refused": "bad"}
TONED: Final = '<q-td :props="props"><span :class="props.row.tone">{{ props.value }}</span></q-td>'


def register(desk: Desk) -> None:
    stream = Stream(desk.store, desk.settings)

    @ui.page("/live")
    async def page(request: Request) -> None:
        asked = request.query_params
        destination, outcome = asked.get("destination", ""), asked.get("outcome", "")
        with framed(desk, request, "Live"):
            for wrong in wrongs(list(desk.settings.destinations), destination, outcome):
                fault(wrong)
            _choices(list(desk.settings.destinations), destination, outcome)
            shown = Shown(desk, stream, destination, outcome)
            await shown.refresh()
            ui.timer(EVERY_S, shown.refresh)


class Shown:
    """What stands on one page; while it is paused, that stays."""

    def __init__(self, desk: Desk, stream: Stream, destination: str, outcome: str) -> None:
        self._desk, self._stream = desk, stream
        self._destination, self._outcome = destination, outcome
        self._paused = False
        with ui.row().classes("relay-head"):
            self._button = ui.button("Pause", icon="pause", on_click=self._toggle)
            self._button.props(f'unelevated no-caps dense aria-keyshortcuts="{KEY}"')
            self._button.tooltip(f"key {KEY}")
            self._note = ui.label().classes("relay-note")
        self._table = table(COLUMNS, [], links={"message_id": "address"}).classes("relay-live")
        self._table.add_slot("body-cell-outcome", TONED)
        self._table.props('no-data-label="Nothing has come to its end yet."')
        ui.keyboard(on_key=self._pressed, ignore=["input", "select", "textarea"])

    async def refresh(self) -> None:
        if self._paused:
            return
        look = await self._desk.watch.look()
        earlier = None if look.away else self._desk.watch.earlier()
        self._note.set_text(told(look, earlier, self._destination))
        found = [
            dict(row)
            for row in rows(await self._stream.newest(), self._destination, self._outcome)
        ]
        if found != self._table.rows and not self._paused:
            self._table.rows = found

    async def _toggle(self) -> None:
        self._paused = not self._paused
        self._button.set_text("Go on" if self._paused else "Pause")
        self._button.props(f"icon={'play_arrow' if self._paused else 'pause'}")
        await self.refresh()

    async def _pressed(self, event: KeyEventArguments) -> None:
        if event.action.keydown and not event.action.repeat and event.key == KEY:
            await self._toggle()


def rows(happened: Sequence[Happening], destination: str, outcome: str) -> list[Row]:
    """The newest that meet both filters. Pure."""
    found = [
        one for one in happened if destination in ("", one.where) and outcome in ("", one.outcome)
    ]
    return [_row(one) for one in found[:SHOWN]]


def told(look: Look, earlier: Look | None, destination: str) -> str:
    """That this is a sample, and of how many. Pure."""
    before = {one.account.id: one for one in earlier.standings} if earlier else {}
    seconds = (look.at - earlier.at) / 1000 if earlier else 0.0
    chosen = [one for one in look.standings if destination in ("", one.account.id)]
    flows = [Flow(one.census, before.get(one.account.id), seconds).finished for one in chosen]
    known = [flow for flow in flows if flow is not None]
    now = f"now {flow_words(sum(known))} come to an end" if known else "counting"
    return f"A sample: at most {AT_ONCE} a second of each destination; {now}. Times are in UTC."


def wrongs(destinations: Sequence[str], destination: str, outcome: str) -> list[str]:
    """What is wrong with the filters of the address. Pure."""
    found = []
    if destination and destination not in destinations:
        expected = ", ".join(destinations)
        found.append(f"destination: expected one of {expected}; found {destination}")
    if outcome and outcome not in OUTCOMES:
        found.append(f"outcome: expected one of {', '.join(OUTCOMES)}; found {outcome}")
    return found


def _choices(destinations: Sequence[str], destination: str, outcome: str) -> None:
    where = {name: address("/live", destination=name, outcome=outcome) for name in destinations}
    choice(
        "Destination",
        {ALL: address("/live", outcome=outcome), **where},
        destination or ALL,
    )
    what = {name: address("/live", destination=destination, outcome=name) for name in OUTCOMES}
    choice("Outcome", {ALL: address("/live", destination=destination), **what}, outcome or ALL)


def _row(one: Happening) -> Row:
    outcome: Outcome = one.outcome
    return {
        "id": one.id,
        "at": one.at[11:23],
        "message_id": one.message_id or "look",
        "where": one.where,
        "outcome": outcome,
        "tone": f"relay-tone-{TONES.get(outcome, 'fair')}",
        "what_came_of_it": one.words,
        "address": one.address,
    }
