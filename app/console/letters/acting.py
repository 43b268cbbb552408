"""The verbs beside a list of letters: for those that are chosen, or for all that match."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nicegui import ui

from app.console.desk import Desk
from app.console.letters import deciding
from app.console.letters.asked import Fault
from app.console.session import Operator
from app.console.widgets import button, whole
from app.dead_letters import End, Filter
from app.replays import Chosen

Aim = tuple[str, Chosen]

READ_S: Final = 3.0  # as long as it takes to read what was done


class Acting:
    """Replays and discards; `of` says where each letter of the list lies.

    All that match can be acted on where they are of one `destination`, and no fault left anything
    that was asked for out of the filter. An orphan is sent nothing: no letter of it is replayed.
    """

    def __init__(
        self,
        desk: Desk,
        operator: Operator,
        of: Mapping[str, str],
        destination: str | None,
        filter_: Filter,
        faults: Sequence[Fault],
    ) -> None:
        self._desk, self._operator = desk, operator
        self._of, self._destination, self._filter = of, destination, filter_
        self._faults = faults
        self._chosen: Sequence[str] = ()

    def show(self) -> None:
        with ui.row().classes("relay-verbs"):
            self._count = ui.label().classes("relay-note")
            sent = any(map(self._is_sent, self._of.values()))
            self._replay = self._replaying("", self._these) if sent else None
            self._discards = self._discarding("", self._these)
            self.choose(())
        with ui.row().classes("relay-verbs"):
            self._all(self._destination)

    def choose(self, chosen: Sequence[str]) -> None:
        """These are chosen now; letters of one destination may be decided about at once."""
        self._chosen = chosen
        named = {self._of[one] for one in chosen}
        hint = " of several destinations: choose those of one" if len(named) > 1 else ""
        self._count.set_text(f"{whole(len(chosen))} chosen{hint}:" if chosen else "None chosen:")
        for one in self._discards:
            one.set_enabled(len(named) == 1)
        if self._replay is not None:
            self._replay.set_enabled(len(named) == 1 and all(map(self._is_sent, named)))

    def _all(self, destination: str | None) -> None:
        why = obstacle(destination, self._faults)
        if why or destination is None:
            ui.label(f"All that match: {why}").classes("relay-note")
            return
        aim = destination, self._filter
        ui.label(f"All that match at {destination}:").classes("relay-note")
        if self._is_sent(destination):
            self._replaying(" all", lambda: aim)
        self._discarding(" all", lambda: aim)

    def _is_sent(self, destination: str) -> bool:
        return destination in self._desk.settings.destinations

    def _these(self) -> Aim:
        return self._of[self._chosen[0]], list(self._chosen)

    def _replaying(self, words: str, aim: Callable[[], Aim]) -> ui.button:
        async def replay() -> None:
            begun = await deciding.replay(self._desk, self._operator, *aim())
            if begun is not None:
                ui.navigate.to(f"/replays/{begun.id}")

        return button(f"Replay{words}…", replay, "replay")

    def _discarding(self, words: str, aim: Callable[[], Aim]) -> list[ui.button]:
        async def discard() -> None:
            await self._discard(aim(), "discarded")

        async def delivered() -> None:
            await self._discard(aim(), "delivered")

        return [
            button(f"Discard{words}…", discard, "delete").props("outline"),
            button(f"Discard{words} as delivered…", delivered, "check").props("outline"),
        ]

    async def _discard(self, aim: Aim, end: End) -> None:
        if done := await deciding.discard(self._desk, self._operator, *aim, end):
            ui.notify(done, type="positive")
            ui.timer(READ_S, ui.navigate.reload, once=True)


def obstacle(destination: str | None, faults: Sequence[Fault]) -> str:
    """Why nothing is done to all that match; empty where it may be. Pure."""
    if faults:
        wrong = ", ".join(one.field for one in faults)
        return f"mend the filter to act on them, for these are more without {wrong}"
    return "" if destination else "filter by one destination to act on them"
