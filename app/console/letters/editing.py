"""An editor for the event of a letter, which says while one types what is wrong with it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ui

from app.console.letters.checking import Checked, checked
from app.console.lines import pretty
from app.console.widgets import button, section
from app.dead_letters import Opened
from app.destination import Destination
from app.settings import DestinationSettings

NAMED_AFTER_S: Final = 0.5

Act = Callable[[bytes], Awaitable[None]]


class Editor:
    """Gives the text as it stands to `replay` or `keep`: what nobody touched stays as it is."""

    def __init__(
        self, opened: Opened, kind: Destination[Any], account: DestinationSettings
    ) -> None:
        self._opened, self._kind, self._account = opened, kind, account

    def show(self, replay: Act, keep: Act, leave: Callable[[], None]) -> None:
        section("Edit the event")
        self._box = ui.codemirror(
            pretty(self._opened.delivery.event),
            language="JSON",
            line_wrapping=True,
            on_change=self._look,
        ).classes("relay-editor")
        ui.timer(NAMED_AFTER_S, self._name, once=True)
        self._said = ui.label().classes("relay-said").props("role=status aria-live=polite")
        with ui.row().classes("relay-verbs"):
            self._verbs = [
                button("Save and replay…", lambda: replay(self._event()), "replay"),
                button("Save only", lambda: keep(self._event()), "save").props("outline"),
            ]
            ui.button("Leave it", on_click=leave).props("flat no-caps dense")
        self._look()

    def _name(self) -> None:
        """For who does not see it; the editor makes the element that is typed into by itself."""
        ui.run_javascript(
            f"getElement({self._box.id}).$el.querySelector('.cm-content')"
            "?.setAttribute('aria-label', 'Event')"
        )

    def _event(self) -> bytes:
        return str(self._box.value).encode()

    def _look(self) -> None:
        found: Checked = checked(
            str(self._box.value), self._opened.delivery, self._kind, self._account
        )
        self._said.set_text(found.fault or found.told)
        self._said.classes(replace=f"relay-said relay-{'said-good' if found.good else 'said-bad'}")
        for one in self._verbs:
            one.set_enabled(not found.fault)
