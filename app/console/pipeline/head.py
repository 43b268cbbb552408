"""The head of a destination's page: its card, as the overview has it, followed and drawn."""

from typing import Final

from nicegui import ui

from app import operating
from app.console.desk import Desk
from app.console.frame import EVERY_S
from app.console.overview.card import DestinationCard
from app.console.overview.cards import Card, cards
from app.console.overview.charts import SPANS
from app.console.overview.past import Past
from app.console.watch import Look

DRAWN_EVERY_S: Final = 15.0


def card_of(desk: Desk, look: Look, destination: str) -> Card | None:
    """What the overview says of it; None for one that neither settings nor store know."""
    earlier = None if look.away else desk.watch.earlier()
    return next((one for one in cards(look, earlier) if one.id == destination), None)


class Head:
    """Made once, and then changed only where something has."""

    def __init__(
        self, desk: Desk, card: Card, verbs: operating.Operator | None, past: Past
    ) -> None:
        self._desk, self._id, self._past = desk, card.id, past
        self._card = DestinationCard(card, verbs, self._acted)
        ui.timer(EVERY_S, self._refresh)
        ui.timer(DRAWN_EVERY_S, self._draw)

    async def _refresh(self) -> None:
        found = card_of(self._desk, await self._desk.watch.look(), self._id)
        if found is not None:
            self._card.show(found)

    async def _draw(self) -> None:
        drawn = await self._past.charts([self._id], SPANS["hour"])
        if self._id in drawn:
            self._card.draw(drawn[self._id])

    async def _acted(self) -> None:
        self._desk.watch.expire()
        await self._refresh()
