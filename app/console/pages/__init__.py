"""The pages of the console, a module each."""

from app.console.desk import Desk
from app.console.pages import flags, overview, trace, unmapped


def register(desk: Desk) -> None:
    """Adds all pages to NiceGUI's application."""
    for page in (overview, flags, trace, unmapped):
        page.register(desk)
