"""One dead letter: what failed and why, what was sent and what came back, and what to do."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app import operating
from app.console.desk import Desk
from app.console.frame import framed
from app.console.letters import deciding
from app.console.letters.asked import Asked, asked
from app.console.letters.editing import Editor
from app.console.letters.exchange import show_edits, show_exchange, show_timeline, timeline
from app.console.letters.filtering import faults
from app.console.letters.finding import Found, found_letter, show_gone
from app.console.letters.following import follow
from app.console.letters.shown import ADVICE, letter_path, sentence
from app.console.live import Shared
from app.console.session import Operator
from app.console.widgets import address, button, nothing, section
from app.dead_letters import (
    End,
    Neighbours,
    Opened,
    message_id,
)
from app.destinations import KINDS
from app.rules import Rules
from app.settings import DestinationSettings

PATH: Final = "/dead-letters"


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page(PATH + "/{destination}/{letter}", response_timeout=20)
    async def page(request: Request, destination: str, letter: str) -> None:
        accounts = await desk.accounts()
        wish = asked(request.query_params, accounts)
        account = accounts.get(destination)
        found = Found()
        if account is not None:
            found = await asyncio.to_thread(found_letter, desk, account, letter, wish)
        with framed(desk, request, "Dead letter") as operator:
            faults(wish)
            if account is None:
                expected = ", ".join(accounts) or "none"
                nothing(f"There is no destination {destination}; expected one of: {expected}.")
            elif found.opened is None:
                show_gone(account.id, letter, found, wish)
            else:
                _Letter(desk, shared, operator, account, wish, found.opened).show(
                    found.beside, found.differ
                )


class _Letter:
    """An opened letter, and what may be done with it."""

    def __init__(
        self,
        desk: Desk,
        shared: Shared,
        operator: Operator,
        account: DestinationSettings,
        wish: Asked,
        opened: Opened,
    ) -> None:
        self._desk, self._shared, self._operator = desk, shared, operator
        self._account = account
        self._wish, self._opened = wish, opened
        self._verbs = operating.Operator(desk.store, desk.settings, operator.name)

    def show(self, beside: Neighbours, differ: Sequence[tuple[str, str]] | None) -> None:
        letter = self._opened.letter
        with ui.row().classes("relay-head"):
            ui.link("All dead letters", self._wish.there(PATH))
            for words, one in (("Newer", beside.newer), ("Older", beside.older)):
                if one is not None:
                    ui.link(words, self._wish.there(letter_path(self._account.id, one.id)))
        ui.label(sentence(letter)).classes("relay-sentence")
        ui.label(ADVICE.get(letter.reason, "")).classes("relay-note")
        self._place = ui.column().classes("relay-part")
        with self._place:
            if not self._operator.read_only:
                self._buttons()
        _facts(self._facts())
        section("Attempts")
        show_timeline(timeline(self._opened))
        show_exchange(self._opened)
        show_edits(self._opened.delivery.original, differ)

    def _facts(self) -> Mapping[str, tuple[str, str]]:
        """What is known of it, and where it leads."""
        letter, destination = self._opened.letter, self._account.id
        at = {"destination": destination}
        return {
            "Destination": (destination, address(PATH, **at)),
            "Event": (letter.event, address(PATH, **at, event=letter.event)),
            "User": (letter.user, address(PATH, **at, user=letter.user)),
            "Message id": (letter.id, self._trace),
            "Source": (letter.source, ""),
            "Group": (letter.group, address(PATH, **at, group=letter.group)),
            "Letter": (self._opened.id, ""),
        }

    @property
    def _trace(self) -> str:
        return address(
            "/trace", message_id=message_id(self._opened.delivery), user=self._opened.letter.user
        )

    def _buttons(self) -> None:
        with ui.row().classes("relay-verbs"):
            if self._account.id in self._desk.settings.destinations:
                button("Replay…", self._replayed, "replay")
                button("Edit and replay…", self._edit, "edit").props("outline")
            button("Discard…", lambda: self._discard("discarded"), "delete").props("outline")
            button("Discard as delivered…", lambda: self._discard("delivered"), "check").props(
                "outline"
            )
            ui.link("Trace", self._trace)

    async def _replay(self) -> bool:
        """Whether a replay was begun; it is followed then."""
        chosen = [self._opened.id]
        begun = await deciding.replay(self._desk, self._operator, self._account.id, chosen)
        if begun is None:
            return False
        self._place.clear()
        with self._place:
            await follow(
                self._desk, self._shared, self._account, self._opened.id, begun, self._trace
            )
        return True

    async def _replayed(self) -> None:
        await self._replay()

    async def _discard(self, end: End) -> None:
        chosen = [self._opened.id]
        done = await deciding.discard(self._desk, self._operator, self._account.id, chosen, end)
        if done:
            self._place.clear()
            with self._place:
                ui.label(f"{done}.").classes("relay-sentence").props("role=status")

    async def _edit(self) -> None:
        kind = KINDS[self._account.kind]
        account = self._account
        if kind.ruled:
            book = await asyncio.to_thread(Rules(self._desk.store, account.id).book)
            account = account.model_copy(update={"rules": book.rules})
        self._place.clear()
        with self._place:
            Editor(self._opened, kind, account).show(self._save_and_replay, self._save, self._left)

    def _left(self) -> None:
        self._place.clear()
        with self._place:
            self._buttons()

    async def _save(self, event: bytes) -> None:
        await asyncio.to_thread(self._verbs.edit, self._account.id, self._opened.id, event)
        ui.navigate.reload()

    async def _save_and_replay(self, event: bytes) -> None:
        """Where the replay is refused or cancelled, the edit stays."""
        await asyncio.to_thread(self._verbs.edit, self._account.id, self._opened.id, event)
        if not await self._replay():
            ui.navigate.reload()


def _facts(facts: Mapping[str, tuple[str, str]]) -> None:
    with ui.element("dl").classes("relay-facts"):
        for name, (value, there) in facts.items():
            if not value:
                continue
            with ui.element("div"):
                with ui.element("dt"):
                    ui.label(name)
                with ui.element("dd"):
                    if there:
                        ui.link(value, there)
                    else:
                        ui.label(value)
