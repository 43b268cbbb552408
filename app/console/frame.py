"""What stands around every page: where one can go, who one is, and what is wrong just now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from nicegui import ui
from starlette.requests import Request

from app.console.access import operator_of
from app.console.banner import Warning_, warnings
from app.console.desk import Desk
from app.console.faults import notify
from app.console.session import Operator
from app.console.watch import EVERY_MS
from app.console.widgets import address

EVERY_S: Final = EVERY_MS / 1000
BRAND: Final = "#2a8364"
STYLES: Final = "".join(
    f'<link rel="stylesheet" href="/static/{name}.css">' for name in ("console", "letters")
)
SCRIPT: Final = '<script src="/static/slots.js"></script>'
THEME: Final = "relay_theme"
THEMES: Final = {"light": False, "dark": True}
PLACEHOLDER: Final = "Trace a message id"


class Entry(NamedTuple):
    """A page that the navigation names."""

    title: str
    path: str
    icon: str


NAVIGATION: Final = (
    Entry("Overview", "/", "space_dashboard"),
    Entry("Dead letters", "/dead-letters", "drafts"),
    Entry("Unconfirmed", "/unconfirmed", "help_center"),
    Entry("Retries", "/retries", "update"),
    Entry("Replays", "/replays", "replay"),
    Entry("Unmapped and rules", "/unmapped", "rule"),
    Entry("Flags", "/flags", "flag"),
    Entry("Rejections", "/rejections", "block"),
    Entry("Trace", "/trace", "timeline"),
    Entry("Live", "/live", "sensors"),
    Entry("Actions", "/actions", "history"),
    Entry("Settings", "/settings", "tune"),
)


@contextmanager
def framed(desk: Desk, request: Request, title: str) -> Iterator[Operator]:
    """The page of this title; what is made within stands in it. Gives who looks at it."""
    operator = operator_of(request)
    ui.on_exception(notify)
    ui.page_title(f"{title} · Usage Relay")
    ui.add_head_html(STYLES + SCRIPT)
    ui.colors(primary=BRAND)
    dark = ui.dark_mode(value=THEMES.get(request.cookies.get(THEME, "")))
    drawer = _navigation(request.url.path)
    with ui.header().classes("relay-header"):
        ui.button(icon="menu", on_click=drawer.toggle).props("flat dense aria-label=Navigation")
        ui.link("Usage Relay", "/").classes("relay-name")
        _search()
        ui.space()
        _theme(dark)
        _who(operator)
    banner = ui.column().classes("relay-banner").props("role=status aria-live=polite")
    with ui.element("div").classes("relay-page"):  # within the main of the layout
        ui.label(title).classes("relay-title").props("role=heading aria-level=1")
        yield operator
    _watch(desk, banner)
    # An open page does not outlive its session: it leads to the login then.
    ui.timer(max(1.0, operator.until - time.time()), ui.navigate.reload, once=True)


def _navigation(path: str) -> ui.left_drawer:
    # Without a value the server would ask each browser for it, and complain of those that left.
    drawer = ui.left_drawer(value=False, bordered=True)
    drawer.props("show-if-above width=210 breakpoint=1000")
    with drawer, ui.list().props("role=navigation aria-label=Pages"):
        for entry in NAVIGATION:
            within = path == entry.path or (
                entry.path != "/" and path.startswith(f"{entry.path}/")
            )
            item = ui.item().props(f'clickable tag=a role=link href="{entry.path}"')
            if within:
                item.props("aria-current=page")
            with item.classes("relay-here" if within else ""):
                with ui.item_section().props("avatar"):
                    ui.icon(entry.icon)
                with ui.item_section():
                    ui.label(entry.title)
    return drawer


def _search() -> None:
    """A message id may be looked for from everywhere; the key / goes there."""
    box = ui.input(placeholder=PLACEHOLDER).props("dense outlined clearable aria-label=Trace")
    box.classes("relay-search")
    box.on("keydown.enter", lambda: ui.navigate.to(address("/trace", message_id=box.value or "")))

    def typed(event: object) -> None:
        if getattr(event, "key", "") == "/" and getattr(event, "action", None):
            box.run_method("focus")

    ui.keyboard(on_key=typed, ignore=["input", "select", "textarea"])


def _theme(dark: ui.dark_mode) -> None:
    def change() -> None:
        dark.set_value(not dark.value)
        theme = "dark" if dark.value else "light"
        ui.run_javascript(f"document.cookie = '{THEME}={theme}; path=/; max-age=31536000'")

    ui.button(icon="contrast", on_click=change).props('flat dense aria-label="Light or dark"')


def _who(operator: Operator) -> None:
    with ui.button(icon="person").props(f'flat dense aria-label="{operator.name}"'), ui.menu():
        ui.menu_item(operator.name + (" (read only)" if operator.read_only else "")).disable()
        with ui.element("form").props("method=post action=/logout"):
            ui.button("Log out").props("flat no-caps type=submit")


def _watch(desk: Desk, banner: ui.column) -> None:
    """Say what is wrong, and go on saying it while the page is open."""
    shown: list[Warning_] = []

    async def refresh() -> None:
        found = warnings(await desk.watch.look())
        if found == shown:
            return
        shown[:] = found
        banner.clear()
        with banner:
            for one in found:
                with ui.row().classes(f"relay-warning relay-warning-{one.severity}"):
                    ui.label(one.words)
                    if one.link:
                        ui.link(one.link, one.address)

    ui.timer(EVERY_S, refresh, immediate=True)
