"""The pages of the console, a module each."""

from typing import Final

from app.console.desk import Desk
from app.console.pages import (
    dead_letters,
    flags,
    letter,
    overview,
    replays,
    retries,
    trace,
    unconfirmed,
    unmapped,
)

PAGES: Final = (
    overview,
    dead_letters,
    letter,
    unconfirmed,
    retries,
    replays,
    flags,
    trace,
    unmapped,
)


def register(desk: Desk) -> None:
    """Adds all pages to NiceGUI's application."""
    for page in PAGES:
        page.register(desk)
