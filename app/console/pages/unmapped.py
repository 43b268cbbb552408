"""What no mapping rule maps yet, in groups, and the rules: tested, added, removed."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request

from app import items
from app.console.desk import Desk
from app.console.frame import framed
from app.console.live import Live, Shared
from app.console.rule_form import RuleForm
from app.console.rule_list import RuleList
from app.console.widgets import address, choice, fault, nothing, section, table
from app.destinations import KINDS
from app.settings import DestinationSettings
from app.unmapped import Groups, Page, UnmappedEvents

EVERY_S: Final = 5.0
ROWS: Final = 10
LISTED: Final = 25
NO_NAME: Final = "(no name)"
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
            rules = RuleList(desk, operator, account)
            form = RuleForm(desk, operator, account, rules.look)
            with ui.element("div").classes("relay-halves"):
                with ui.element("div"):
                    await _groups(desk, shared, account, form)
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


async def _groups(
    desk: Desk, shared: Shared, account: DestinationSettings, form: RuleForm
) -> None:
    unmapped = UnmappedEvents(desk.store, account.id)
    pages: dict[str, int] = {}

    def show(groups: Groups) -> None:
        section(f"{groups.total:,} unmapped")
        if not groups.total:
            nothing("Every event names its feature, or a rule does.")
            return
        ui.label(" ".join(left_out(groups))).classes("relay-note")

        async def event(at: int) -> None:
            await form.take_event(groups.events[at].name or "")

        async def value(at: int) -> None:
            one = groups.properties[at]
            await form.take_property(one.path, one.value)

        _table("By event name", ("event", "count"), event_rows(groups), event, pages)
        names = ("property", "value", "count")
        _table("By property and value", names, property_rows(groups), value, pages)

    key = (account.id, "groups")
    await Live(lambda: shared.of(key, unmapped.groups), show, lambda _: EVERY_S).begin()


def _table(
    title: str,
    columns: Sequence[str],
    rows: Rows,
    take: Callable[[int], Awaitable[None]],
    pages: dict[str, int],
) -> None:
    """A table of which some rows are shown at a time; `pages` remembers which, by its title."""

    async def taken(event: GenericEventArguments) -> None:
        if event.args in range(len(rows)):
            await take(int(event.args))

    ui.label(title).classes("relay-what").props("role=heading aria-level=3")
    made = table((*columns, "use"), rows, links={})
    if len(rows) > ROWS:
        made.props(remove=":pagination hide-pagination").props(':rows-per-page-options="[10]"')
        made.pagination = {"rowsPerPage": ROWS, "page": pages.get(title, 1)}
        made.on_pagination_change(lambda event: pages.update({title: event.value["page"]}))
    made.add_slot("body-cell-use", TAKE)
    made.on("take", taken)


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
    unmapped = UnmappedEvents(desk.store, account.id)

    def show(page: Page) -> None:
        if not page.items:
            return
        section("One by one, the newest first")
        rows = [_row(items.unmapped(account.id, one)) for one in page.items]
        table(("message_id", "event", "user", "parked_at"), rows, links={"message_id": "trace"})
        if page.next_cursor:
            older = address("/unmapped", destination=account.id, cursor=page.next_cursor)
            ui.link("Older ones", older)

    def read() -> Page:
        return unmapped.page(cursor or None, LISTED)

    key = (account.id, "page", cursor)
    await Live(lambda: shared.of(key, read), show, lambda _: EVERY_S).begin()


def _row(item: Mapping[str, object]) -> dict[str, object]:
    kept = {name: item[name] for name in ("id", "message_id", "event", "user", "parked_at")}
    return {**kept, "trace": address("/trace", message_id=item["message_id"], user=item["user"])}
