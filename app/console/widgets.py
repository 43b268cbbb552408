"""The pieces of which pages are made. What came from outside is shown as text, never as markup."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import redis
from nicegui import ui
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import JsonLexer, TextLexer

from app.console.faults import notify
from app.operating import Refused

Row = Mapping[str, object]

NONE: Final = "-"
CODE_MAX: Final = 200_000
STATES: Final = {
    "delivering": "good",
    "throttled": "fair",
    "unattended": "bad",
    "broken": "bad",
    "paused": "bad",
    "orphaned": "fair",
}
PLACES: Final = {"finished": "good", "dead": "bad"}


def address(path: str, **query: object) -> str:
    """The path with what is not empty of the query, so that a view can be shared."""
    told = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(told)}" if told else path


def apart(text: str) -> str:
    """A text from outside within a sentence of ours, which it cannot turn round."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def whole(count: int | None) -> str:
    return NONE if count is None else f"{count:,}"


def counted(count: int, one: str) -> str:
    """So many of what one is called: 1 letter, 2 letters."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def length(seconds: float | None) -> str:
    """A length of time in its two largest units: 3 d 4 h."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    left, words = int(seconds), list[str]()
    for unit, of in units:
        if (count := left // of) or words:
            words.append(f"{count} {unit}")
            left -= count * of
    return " ".join(words[:2])


def state(word: str) -> ui.badge:
    return ui.badge(word, color=None).classes(f"relay-state relay-{STATES.get(word, 'fair')}")


def place(word: str) -> ui.badge:
    """Where a delivery is."""
    return ui.badge(word, color=None).classes(f"relay-state relay-{PLACES.get(word, 'fair')}")


def section(words: str) -> ui.label:
    return ui.label(words).classes("relay-section").props("role=heading aria-level=2")


def choice(words: str, addresses: Mapping[str, str], chosen: str) -> None:
    """Links among which one stands for what is shown."""
    with ui.element("nav").classes("relay-choice").props(f'aria-label="{words}"'):
        for name, there in addresses.items():
            link = ui.link(name, there)
            if name == chosen:
                link.classes("relay-chosen").props("aria-current=page")


def fault(words: str) -> None:
    """Says what is wrong with what was asked for."""
    ui.label(words).classes("relay-fault").props("role=alert")


def code(text: str, *, json: bool = True) -> None:
    """The text, coloured where it is JSON, with a button that copies it."""
    shown = text[:CODE_MAX]
    lexer = JsonLexer() if json else TextLexer()
    coloured = highlight(shown, lexer, HtmlFormatter(nowrap=True))  # which escapes it
    with ui.element("div").classes("relay-code"):
        ui.html(f"<pre>{coloured}</pre>", sanitize=False)
        ui.button(icon="content_copy", on_click=lambda: ui.clipboard.write(text)).props(
            "flat dense size=sm aria-label=Copy"
        )
    if len(text) > CODE_MAX:
        ui.label(f"{len(text) - CODE_MAX:,} more characters are left out").classes("relay-note")


def table(columns: Sequence[str], rows: Sequence[Row], *, links: Mapping[str, str]) -> ui.table:
    """A table of text; `links` names, for a column, the field of a row with its address, if any.

    Numbers stand right. A row is told by its field `id`.
    """
    numeric = {name for name in columns if any(isinstance(row.get(name), int) for row in rows)}
    made = ui.table(
        columns=[
            {
                "name": name,
                "label": name.replace("_", " "),
                "field": name,
                "align": "right" if name in numeric else "left",
            }
            for name in columns
        ],
        rows=[dict(row) for row in rows],
        row_key="id",
    ).classes("relay-table")
    made.props('flat dense wrap-cells :pagination="{rowsPerPage: 0}" hide-pagination')
    for name, field in links.items():
        made.add_slot(
            f"body-cell-{name}",
            f'<q-td :props="props"><a v-if="props.row.{field}" :href="props.row.{field}">'
            "{{ props.value }}</a><template v-else>{{ props.value }}</template></q-td>",
        )
    return made


def nothing(words: str) -> None:
    """Says that there is nothing, and what that means."""
    ui.label(words).classes("relay-nothing")


async def confirmed(question: str, go: str, *, detail: str = "") -> bool:
    """Ask before something that counts; the question says to how many it happens."""
    with ui.dialog() as dialog, ui.card().classes("relay-dialog"):
        ui.label(question).classes("relay-question")
        if detail:
            ui.label(detail).classes("relay-note")
        with ui.row().classes("relay-buttons"):
            ui.button("Cancel", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button(go, on_click=lambda: dialog.submit(go)).props("unelevated no-caps autofocus")
    answer = await dialog
    dialog.delete()
    return bool(answer)


def button(words: str, act: Callable[[], Awaitable[None]], icon: str = "") -> ui.button:
    """Does something once at a time: it rests until that is done, and says why it was refused."""

    async def once() -> None:
        made.disable()
        try:
            await act()
        except (Refused, redis.RedisError) as fault:
            notify(fault)
        finally:
            if not made.is_deleted:
                made.enable()

    made = ui.button(words, icon=icon or None, on_click=once).props("unelevated no-caps dense")
    return made
