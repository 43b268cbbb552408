"""What an operator reads when something breaks: instead of a page, or after pressing a button."""

from typing import Final

import redis
from nicegui import app, ui

from app.operating import Refused

AGAIN_S: Final = 5.0
AWAY: Final = "The store does not answer. Nothing is lost: this goes on as soon as it is back."
BROKEN: Final = "Something broke here. The log of the console says what."


def told(fault: Exception) -> str:
    """The fault in words for a person, without anything that it carries from outside."""
    match fault:
        case Refused():
            return str(fault)
        case redis.RedisError():
            return AWAY
        case _:
            return BROKEN


def notify(fault: Exception) -> None:
    """Says on the open page what came of what was pressed."""
    ui.notify(told(fault), type="negative", multi_line=True, close_button="Close", timeout=10_000)


def away() -> None:
    """Says on a page that cannot be made without the store why, and tries again by itself."""
    ui.label(AWAY).props("role=alert")
    ui.timer(AGAIN_S, ui.navigate.reload, once=True)


def register() -> None:
    """Shows an error page of our own, which tries again by itself."""

    @app.on_page_exception
    def page(fault: Exception) -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/console.css">')
        with ui.element("div").classes("relay-page"):  # within the main of the layout
            ui.label("Usage Relay").classes("relay-title").props("role=heading aria-level=1")
            ui.label(told(fault))
            ui.link("Overview", "/")
        ui.timer(AGAIN_S, ui.navigate.reload, once=True)
