"""What no mapping rule maps yet, in groups, and the rules: tested, added, removed."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request

from app import items
from app.console.desk import Desk
from app.console.frame import framed
from app.console.letters.shown import moment
from app.console.live import Live, Shared
from app.console.rules.form import RuleForm
from app.console.rules.kept import RuleList
from app.console.widgets import address, choice, fault, nothing, section, table
from app.destinations import KINDS
from app.settings import DestinationSettings
from app.unmapped import Groups, Page, Parked, UnmappedEvents

EVERY_S: Final = 5.0
ROWS: Final = 10
LISTED: Final = 25
NO_NAME: Final = "(no name)"
EVENTS: Final = ("message_id", "event", "user", "parked_at")
TAKE: Final = """\
<q-td :props="props">
  <q-btn v-if="props.row.takes" flat dense no-caps color="primary" label="Use"
    :aria-label="'Use ' + props.row.what" @click="() => $parent.$emit('take', props.row.id)" />
</q-td>
"""
Rows = list[dict[str, object]]


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page("/unmapped")
    async def page(request: Request) -> None:
        asked = request.query_params
        ruled = [one for one in desk.settings.destinations.values() if KINDS[one.kind].ruled]
        named = {one.id: one for one in ruled}
        chosen = asked.get("destination", "") or next(iter(named), "")
        with framed(desk, request, "Unmapped and rules") as operator:
            if chosen not in named:
                fault(f"destination: expected one of {', '.join(named) or 'none'}")
                return
            choice(
                "Destination",
                {id_: address("/unmapped", destination=id_) for id_ in named},
                chosen,
            )
            account = named[chosen]
            rules = RuleList(desk, shared, operator, account)
            form = RuleForm(desk, operator, account, rules.look)
            with ui.element("div").classes("relay-halves"):
                with ui.element("div"):
                    await _grouped(desk, shared, account, form)
                with ui.element("div"):
                    _form(account, form, asked)
                    await rules.begin()
            await _listed(desk, shared, account, asked.get("cursor", ""))


def event_rows(groups: Groups) -> Rows:
    """The groups by name, each told by its place among them."""
    return [
        {"id": at, "what": name, "event": name, "count": one.count, "takes": bool(one.name)}
        for at, one in enumerate(groups.events)
        for name in [NO_NAME if one.name is None else one.name]
    ]


def property_rows(groups: Groups) -> Rows:
    return [
        {
            "id": at,
            "what": f"{one.path} = {one.value}",
            "property": one.path,
            "value": one.value,
            "count": one.count,
            "takes": True,
        }
        for at, one in enumerate(groups.properties)
    ]


def left_out(groups: Groups) -> Iterator[str]:
    if groups.looked < groups.total:
        yield f"These are the newest {groups.looked:,} of {groups.total:,} unmapped events."
    if groups.hidden_events:
        yield f"{groups.hidden_events:,} more event names are not shown."
    if groups.hidden_properties:
        yield f"{groups.hidden_properties:,} more values are not shown."
    if groups.uncounted:
        yield f"{groups.uncounted:,} values were too many different ones to be counted."


class GroupsView:
    """The groups in two tables, made once and then filled anew, so that the focus stays."""

    def __init__(self, form: RuleForm) -> None:
        self._form = form
        self._made = False
        self._groups: Groups | None = None

    def show(self, groups: Groups) -> None:
        self._groups = groups
        if not self._made:
            self._make()
        self._title.set_text(f"{groups.total:,} unmapped")
        self._left_out.set_text(" ".join(left_out(groups)))
        self._nothing.set_visibility(not groups.total)
        self._tables.set_visibility(bool(groups.total))
        self._events.rows = event_rows(groups)
        self._values.rows = property_rows(groups)

    def _make(self) -> None:
        self._made = True
        self._title = section("")
        self._left_out = ui.label().classes("relay-note")
        with ui.column() as self._nothing:
            nothing("Every event names its feature, or a rule does.")
        with ui.column().classes("relay-part") as self._tables:
            self._events = _table("By event name", ("event", "count"), self._take_event)
            names = ("property", "value", "count")
            self._values = _table("By property and value", names, self._take_value)

    async def _take_event(self, at: object) -> None:
        known = () if self._groups is None else self._groups.events
        if isinstance(at, int) and 0 <= at < len(known):
            await self._form.take_event(known[at].name or "")

    async def _take_value(self, at: object) -> None:
        known = () if self._groups is None else self._groups.properties
        if isinstance(at, int) and 0 <= at < len(known):
            await self._form.take_property(known[at].path, known[at].value)


class EventsView:
    """The events in a table, made once and then filled anew, so that the focus stays."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._made = False

    def show(self, page: Page) -> None:
        if not self._made:
            self._make()
        self._part.set_visibility(bool(page.items))
        self._table.rows = [_row(self._destination, one) for one in page.items]
        older = address("/unmapped", destination=self._destination, cursor=page.next_cursor)
        self._older.props(f'href="{older}"')
        self._older.set_visibility(page.next_cursor is not None)

    def _make(self) -> None:
        self._made = True
        with ui.column().classes("relay-part") as self._part:
            section("One by one, the newest first")
            self._table = table(EVENTS, [], links={"message_id": "trace"})
            self._older = ui.link("Older ones")


def _table(
    title: str, columns: Sequence[str], take: Callable[[object], Awaitable[None]]
) -> ui.table:
    """A table of which some rows are shown at a time; `take` hears of a row's id."""

    async def taken(event: GenericEventArguments) -> None:
        await take(event.args)

    ui.label(title).classes("relay-what").props("role=heading aria-level=3")
    made = table((*columns, "use"), [{"count": 0}], links={})
    made.props(remove=":pagination hide-pagination").props(f':rows-per-page-options="[{ROWS}]"')
    made.pagination = {"rowsPerPage": ROWS}
    made.add_slot("body-cell-use", TAKE)
    made.on("take", taken)
    return made


async def _grouped(
    desk: Desk, shared: Shared, account: DestinationSettings, form: RuleForm
) -> None:
    read = UnmappedEvents(desk.store, account.id).groups
    key = (account.id, "groups")
    await Live(
        lambda: shared.of(key, read), GroupsView(form).show, lambda _: EVERY_S, anew=False
    ).begin()


def _form(account: DestinationSettings, form: RuleForm, asked: Mapping[str, str]) -> None:
    if why := KINDS[account.kind].unruled(account):
        nothing(f"No rule applies to {account.id}, which has {why}.")
        return
    form.make(asked.get("event", ""), asked.get("path", ""), asked.get("value", ""))


async def _listed(desk: Desk, shared: Shared, account: DestinationSettings, cursor: str) -> None:
    """The events one by one, from a cursor on."""
    if cursor and not cursor.isdecimal():
        fault(f"cursor: expected one that a page gave; found {cursor}")
        cursor = ""
    unmapped, view = UnmappedEvents(desk.store, account.id), EventsView(account.id)

    def read() -> Page:
        return unmapped.page(cursor or None, LISTED)

    key = (account.id, "page", cursor)
    await Live(lambda: shared.of(key, read), view.show, lambda _: EVERY_S, anew=False).begin()


def _row(destination: str, one: Parked) -> dict[str, object]:
    item = items.unmapped(destination, one)
    kept = {name: item[name] for name in ("id", "message_id", "event", "user")}
    trace = address("/trace", message_id=one.delivery.id, user=one.delivery.user)
    return {**kept, "parked_at": moment(one.parked_at), "trace": trace}
