"""How everything stands, at a glance, and the buttons that pause and resume."""

from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import operating
from app.console.desk import Desk
from app.console.frame import EVERY_S, framed
from app.console.overview.card import DestinationCard
from app.console.overview.cards import cards
from app.console.overview.charts import SPANS, Span
from app.console.overview.machinery import Machinery
from app.console.overview.past import Past
from app.console.overview.sources import SourcesTable
from app.console.watch import Look
from app.console.widgets import choice, fault, nothing

HOUR: Final = "hour"
PATHS: Final = {"last hour": "/", "last day": "/?span=day"}
DRAWN_EVERY_S: Final = 15.0


def register(desk: Desk) -> None:
    past = Past(desk.store)

    @ui.page("/")
    async def page(request: Request) -> None:
        look = await desk.watch.look()
        asked = request.query_params.get("span", HOUR)
        with framed(desk, request, "Overview") as operator:
            if asked not in SPANS:
                fault(f"span: expected one of {', '.join(SPANS)}; found {asked}")
            verbs = None
            if not operator.read_only:
                verbs = operating.Operator(desk.store, desk.settings, operator.name)
            overview = Overview(desk, verbs, past, SPANS.get(asked, SPANS[HOUR]))
            overview.show(look)
            ui.timer(EVERY_S, overview.refresh)
            ui.timer(DRAWN_EVERY_S, overview.draw)


class Overview:
    """What stands on the page of one who looks at it."""

    def __init__(
        self, desk: Desk, verbs: operating.Operator | None, past: Past, span: Span
    ) -> None:
        self._desk, self._verbs, self._past, self._span = desk, verbs, past, span
        self._cards: dict[str, DestinationCard] = {}
        choice("Time that the charts show", PATHS, f"last {span.name}")
        self._grid = ui.element("div").classes("relay-cards")
        self._sources = SourcesTable()
        self._machinery = Machinery()

    async def refresh(self) -> None:
        self.show(await self._desk.watch.look())

    def show(self, look: Look) -> None:
        earlier = None if look.away else self._desk.watch.earlier()
        found = {card.id: card for card in cards(look, earlier)}
        if found.keys() != self._cards.keys():
            self._grid.clear()
            with self._grid:
                self._cards = {
                    id_: DestinationCard(card, self._verbs, self._acted)
                    for id_, card in found.items()
                }
                if not found:
                    nothing("The store has not answered yet.")
        for id_, card in found.items():
            self._cards[id_].show(card)
        self._sources.show(look, earlier)
        self._machinery.show(look)

    async def draw(self) -> None:
        """The charts, which need it less often."""
        drawn = await self._past.charts(list(self._cards), self._span)
        for id_, picture in drawn.items():
            if card := self._cards.get(id_):
                card.draw(picture)

    async def _acted(self) -> None:
        self._desk.watch.expire()
        await self.refresh()
