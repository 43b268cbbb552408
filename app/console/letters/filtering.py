"""The filter of letters as a form: what was typed stays, and what is wrong of it is said."""

from collections.abc import Collection
from typing import Final

from nicegui import ui

from app.console.letters.asked import Asked
from app.console.widgets import address, fault
from app.dead_letters.filter import REASONS

ALL: Final = "all"
LABELS: Final = {
    "event": "Event",
    "user": "User",
    "message_id": "Message id",
    "group": "Group",
    "since": "Since (UTC)",
    "until": "Until (UTC)",
}
MOMENT: Final = "2026-05-01T09:30Z"


def filter_bar(path: str, wish: Asked, destinations: Collection[str]) -> None:
    """A form that leads to the address of what is typed into it."""

    def find() -> None:
        typed = {name: _typed(one.value) for name, one in fields.items()}
        ui.navigate.to(address(path, **typed, sort=wish.typed.get("sort")))

    wrong = {one.field for one in wish.faults}
    fields: dict[str, ui.input | ui.select] = {}
    with ui.element("form").classes("relay-filter").on("submit.prevent", find):
        fields["destination"] = _select("Destination", destinations, wish.destination)
        fields["reason"] = _select("Reason", REASONS, wish.filter.reason)
        for name, label in LABELS.items():
            box = ui.input(label, value=wish.typed.get(name, ""))
            box.props("dense outlined stack-label clearable" + (" error" if name in wrong else ""))
            if name in ("since", "until"):
                box.props(f'placeholder="{MOMENT}"')
            fields[name] = box
        with ui.row().classes("relay-verbs"):
            ui.button("Find", icon="search").props("unelevated no-caps type=submit")
            if wish.narrows or wish.faults or wish.destination:
                ui.link("Clear", path)


def faults(wish: Asked) -> None:
    for one in wish.faults:
        fault(f"{one.field}: {one.why}")


def _select(label: str, options: Collection[str], chosen: str | None) -> ui.select:
    made = ui.select([ALL, *options], label=label, value=chosen or ALL)
    made.props("dense outlined stack-label options-dense")
    return made


def _typed(value: object) -> str | None:
    text = str(value or "").strip()
    return None if text in ("", ALL) else text
