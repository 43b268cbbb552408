"""The books of a destination on a page: its ledger by day, a dry run's requests, its settings."""

from collections.abc import Sequence
from typing import Final

from nicegui import ui

from app import items
from app.console.lines import pretty
from app.console.widgets import address, apart, code, nothing, table
from app.ledger import Day
from app.settings import Settings
from app.settings.told import Told, told
from app.settings.written import Written
from app.shown import Shown

DAYS: Final = 14
COLUMNS: Final = (
    *("day", "accepted", "waiting", "retrying", "dead", "unmapped"),
    *("delivered", "skipped", "discarded"),
)
SHOWN_MAX: Final = 20
UNWRITTEN: Final = Written({}, None, {}, {}, (), complete=True)


def show_days(found: tuple[Sequence[Day], int]) -> None:
    """The newest days, and what of all that was ever accepted is in no place."""
    days, unaccounted = found
    if days:
        rows = [{"id": one["day"], **one} for one in map(items.day, days)]
        table(COLUMNS, rows, links={})
    else:
        nothing(f"Nothing was accepted in the last {DAYS} days.")
    words = f"{unaccounted:,} unaccounted: accepted, and in none of these places."
    ui.label(words).classes("relay-fault" if unaccounted else "relay-note")


def show_shown(found: Sequence[Shown]) -> None:
    """What a dry run would have sent."""
    if not found:
        nothing("Nothing came since the dry run began.")
    for one in found:
        with ui.element("details").classes("relay-sample"):
            with ui.element("summary"):
                ui.label(shown_words(one)).classes("relay-inline")
            if one.why:
                ui.label(one.why).classes("relay-note")
            ui.link("Trace", address("/trace", message_id=one.id, user=one.user))
            if one.would_be == "sent":
                ui.label(f"{one.method} {one.path}").classes("relay-mono")
                code(pretty(one.body))


def shown_words(one: Shown) -> str:
    return f"{apart(one.id)} of {apart(one.user)} would have been {one.would_be}"


def show_settings(settings: Settings, destination: str) -> None:
    rows = [{"id": one.name, **one_setting(one)} for one in settings_of(settings, destination)]
    with ui.element("details").classes("relay-sample"):
        with ui.element("summary"):
            ui.label("Settings").classes("relay-inline relay-what")
        table(("setting", "value"), rows, links={})
        ui.link("All settings, and where each comes from", "/settings")


def settings_of(settings: Settings, destination: str) -> list[Told]:
    """Its own settings, secrets masked."""
    within = f"destinations.{destination}."
    return [one for one in told(settings, UNWRITTEN) if one.name.startswith(within)]


def one_setting(one: Told) -> dict[str, str]:
    return {
        "setting": one.name.split(".", 2)[2],
        "value": f"{one.value} {one.unit}".strip(),
    }
