"""One destination: how it stands, what became of its events, its ledger and its settings."""

from functools import partial
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import operating, shown
from app.clock import milliseconds
from app.console.desk import Desk
from app.console.faults import away
from app.console.frame import framed
from app.console.live import Live, Shared
from app.console.overview.past import Past
from app.console.pipeline.drawn import FlowView
from app.console.pipeline.flow import event_title
from app.console.pipeline.head import Head, card_of
from app.console.pipeline.ledger import DAYS, SHOWN_MAX, show_days, show_settings, show_shown
from app.console.pipeline.span import RANGES, Span, span
from app.console.widgets import address, button, choice, fault, nothing, section
from app.ledger import Day
from app.log import Log
from app.pipeline import Pipeline, pipeline
from app.settings import DestinationSettings
from app.timestamps import instant

FLOW_S: Final = 3.0
LEDGER_S: Final = 5.0
MINUTES: Final = len("2026-01-01T00:00")


def register(desk: Desk) -> None:
    shared, past = Shared(), Past(desk.store)

    @ui.page("/destinations/{destination}")
    async def page(request: Request, destination: str) -> None:
        look = await desk.watch.look()
        query = request.query_params
        with framed(desk, request, destination) as operator:
            card = card_of(desk, look, destination)
            if card is None and look.away:
                away()
                return
            if card is None:
                named = ", ".join(one.account.id for one in look.standings)
                fault(f"There is no destination {destination}; expected one of {named}")
                return
            verbs = None
            if not operator.read_only:
                verbs = operating.Operator(desk.store, desk.settings, operator.name)
            Head(desk, card, verbs, past)
            asked, event = span(query, milliseconds()), query.get("event") or None
            await _flow(desk, shared, destination, asked, event)
            account = next(one.account for one in look.standings if one.account.id == card.id)
            await _books(desk, shared, account)


async def _flow(
    desk: Desk, shared: Shared, destination: str, asked: Span, event: str | None
) -> None:
    path = f"/destinations/{destination}"
    section("Pipeline")
    for wrong in asked.faults:
        fault(wrong)
    with ui.row().classes("relay-head"):
        ranges = {words: address(path, since=ago, event=event) for ago, words in RANGES.items()}
        choice("Time", ranges, RANGES.get(asked.ago, ""))
        _moments(path, asked, event)
    if event is not None:
        with ui.row().classes("relay-head"):
            ui.label(f"Only {event_title(event)}").classes("relay-what")
            ui.link("All events", address(path, **asked.query))

    def read() -> Pipeline:
        now = asked.at(milliseconds())
        return pipeline(desk.store, destination, now.since, now.until, event)

    def own(name: str) -> str:
        return address(path, **asked.query, event=name)

    key = (destination, asked.ago or (asked.since, asked.until), event)
    view = FlowView(destination, event, asked.since, own)
    await Live(
        lambda: shared.of(key, read),
        view.show,
        lambda _: FLOW_S if asked.ago else None,
        anew=False,
    ).begin()


def _moments(path: str, asked: Span, event: str | None) -> None:
    """Any time, in UTC."""

    def go() -> None:
        told = {name: str(box.value or "") for name, box in boxes.items()}
        ui.navigate.to(address(path, **told, event=event))

    with ui.element("form").classes("relay-form relay-moments").on("submit.prevent", go):
        boxes = {
            name: ui.input(f"{label} (UTC)", value=value).props(
                "dense outlined stack-label type=datetime-local"
            )
            for name, label, value in (
                ("since", "From", instant(asked.since)[:MINUTES]),
                ("until", "Until", instant(asked.until)[:MINUTES]),
            )
        }
        ui.button("Show", icon="schedule").props("flat no-caps type=submit")


async def _books(desk: Desk, shared: Shared, account: DestinationSettings) -> None:
    log = Log(desk.store, account)
    if account.dry_run:
        section("What would have been sent").props("id=shown")
        nothing("Dry run: what comes is shown here and skipped for good.")
        newest = partial(shown.newest, desk.store, account.id, SHOWN_MAX)
        live = Live(lambda: shared.of((account.id, "shown"), newest), show_shown)
        await live.begin()
        button("Look again", live.look, "refresh").props("flat")
    section(f"Ledger by day of acceptance, the last {DAYS} days (UTC)")

    def books() -> tuple[tuple[Day, ...], int]:
        return tuple(log.days(DAYS)), log.census().unaccounted

    await Live(
        lambda: shared.of((account.id, "days"), books), show_days, lambda _: LEDGER_S
    ).begin()
    if account.id in desk.settings.destinations:
        show_settings(desk.settings, account.id)
