"""The verbs beside a list of letters: for those that are chosen, or for all that match."""

from collections.abc import Mapping, Sequence

from nicegui import ui

from app.console.desk import Desk
from app.console.letters import deciding
from app.console.session import Operator
from app.console.widgets import button, whole
from app.dead_letters import End, Filter
from app.replays import Chosen

Aim = tuple[str, Chosen]


class Acting:
    """Replays and discards; `of` says where each letter of the list lies.

    All that match can be acted on where they are of one `destination`.
    """

    def __init__(
        self,
        desk: Desk,
        operator: Operator,
        of: Mapping[str, str],
        destination: str | None,
        filter_: Filter,
    ) -> None:
        self._desk, self._operator = desk, operator
        self._of, self._destination, self._filter = of, destination, filter_
        self._chosen: Sequence[str] = ()

    def show(self) -> None:
        with ui.row().classes("relay-verbs"):
            self._count = ui.label().classes("relay-note")
            self._verbs = self._buttons("")
            self.choose(())
        with ui.row().classes("relay-verbs"):
            if self._destination is None:
                words = "All that match: filter by one destination to act on them"
                ui.label(words).classes("relay-note")
            else:
                ui.label(f"All that match at {self._destination}:").classes("relay-note")
                self._buttons(" all")

    def choose(self, chosen: Sequence[str]) -> None:
        """These are chosen now; letters of one destination may be decided about at once."""
        self._chosen = chosen
        several = len({self._of[one] for one in chosen}) > 1
        hint = " of several destinations: choose those of one" if several else ""
        self._count.set_text(f"{whole(len(chosen))} chosen{hint}:" if chosen else "None chosen:")
        for one in self._verbs:
            one.set_enabled(bool(chosen) and not several)

    def _buttons(self, of: str) -> list[ui.button]:
        async def replay() -> None:
            begun = await deciding.replay(self._desk, self._operator, *self._aim(of))
            if begun is not None:
                ui.navigate.to(f"/replays/{begun.id}")

        async def discard() -> None:
            await self._discard(self._aim(of), "discarded")

        async def delivered() -> None:
            await self._discard(self._aim(of), "delivered")

        return [
            button(f"Replay{of}…", replay, "replay"),
            button(f"Discard{of}…", discard, "delete").props("outline"),
            button(f"Discard{of} as delivered…", delivered, "check").props("outline"),
        ]

    def _aim(self, of: str) -> Aim:
        if of and self._destination is not None:
            return self._destination, self._filter
        return self._of[self._chosen[0]], list(self._chosen)

    async def _discard(self, aim: Aim, end: End) -> None:
        if done := await deciding.discard(self._desk, self._operator, *aim, end):
            ui.notify(done, type="positive")
            ui.timer(1.0, ui.navigate.reload, once=True)
