"""The pipeline of a destination on a page: a picture, the numbers, and a table by event."""

from collections.abc import Callable

from nicegui import ui

from app.console.pipeline.flow import About, Stage, event_row, reach, stages
from app.console.pipeline.sankey import picture
from app.console.widgets import nothing, section, table
from app.pipeline import Pipeline

NOTHING = "No pump looked at an event in these hours."
COLUMNS = (
    *("event", "received", "filtered", "skipped", "unmapped"),
    *("first_attempt", "after_retry", "retried", "dead"),
)
LINKS = {
    "event": "own",
    "unmapped": "unmapped_at",
    "retried": "retried_at",
    "dead": "dead_at",
}
ROWS = 25


class FlowView:
    """Made once, then only changed where numbers have."""

    def __init__(
        self, destination: str, event: str | None, since: int, own: Callable[[str], str]
    ) -> None:
        """`own` tells the address of this page for one event's name."""
        self._destination, self._event, self._since, self._own = destination, event, since, own
        self._made = False

    def show(self, found: Pipeline) -> None:
        if not self._made:
            self._make()
        about = About(self._destination, self._event, found.since, found.until)
        told = stages(found.numbers, about)
        self._reach.set_text(reach(found, self._since))
        self._nothing.set_visibility(not told)
        self._halves.set_visibility(bool(told))
        self._picture.set_content(picture(told))
        self._stages.rows = [_received(found, about), *map(_row, told)]
        rows = [event_row(one, about, self._own(one.event)) for one in found.events]
        self._events.rows = rows
        self._by_event.set_visibility(bool(rows))
        self._hidden.set_text(f"{found.hidden:,} more names are not shown.")
        self._hidden.set_visibility(bool(found.hidden))

    def _make(self) -> None:
        self._made = True
        self._reach = ui.label().classes("relay-note")
        with ui.column() as self._nothing:
            nothing(NOTHING)
        with ui.element("div").classes("relay-halves") as self._halves:
            with ui.element("div").classes("relay-picture"):
                self._picture = ui.html("", sanitize=False)  # made of our own words and counts
            with ui.element("div"):
                sample = [{"count": 0, "had_waited": 0}]
                columns = ("stage", "count", "had_waited", "meaning")
                self._stages = table(columns, sample, links={"count": "address"})
        with ui.column().classes("relay-part") as self._by_event:
            section("By event")
            sample = [dict.fromkeys(COLUMNS[1:], 0)]
            self._events = table(COLUMNS, sample, links=LINKS)
            self._events.props(remove=":pagination hide-pagination")
            self._events.props(f':rows-per-page-options="[{ROWS}]"')
            self._events.pagination = {"rowsPerPage": ROWS}
            self._hidden = ui.label().classes("relay-note")


def _received(found: Pipeline, about: About) -> dict[str, object]:
    received, meaning = found.numbers.received, "a pump looked at it for the first time"
    return _row(Stage("received", received, 0, "plain", about.list_("/live"), meaning))


def _row(one: Stage) -> dict[str, object]:
    return {
        "id": one.title,
        "stage": one.title,
        "count": one.count,
        "had_waited": one.later,
        "meaning": one.meaning,
        "address": one.address,
    }
