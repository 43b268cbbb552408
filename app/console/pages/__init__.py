"""The pages of the console, a module each."""

from typing import Final

from app.console.desk import Desk
from app.console.pages import (
    actions,
    dead_letters,
    destination,
    flags,
    letter,
    live,
    overview,
    rejections,
    replays,
    retries,
    settings,
    trace,
    unconfirmed,
    unmapped,
)

PAGES: Final = (
    overview,
    destination,
    dead_letters,
    letter,
    unconfirmed,
    retries,
    replays,
    unmapped,
    flags,
    rejections,
    trace,
    live,
    actions,
    settings,
)


def register(desk: Desk) -> None:
    """Adds all pages to NiceGUI's application."""
    for page in PAGES:
        page.register(desk)
