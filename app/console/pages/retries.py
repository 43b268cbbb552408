"""Retries: what is tried again, the next first, and for which errors."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app.clock import milliseconds
from app.console.desk import Desk
from app.console.frame import framed
from app.console.listing import Column, listing
from app.console.shown import moment
from app.console.widgets import NONE, address, choice, fault, length, nothing, section, whole
from app.fingerprint import pattern
from app.log import Log
from app.overview import known
from app.retries import Place, Retries, Retry, merged
from app.settings import DestinationSettings

PATH: Final = "/retries"
SHOWN: Final = 50
GROUPED: Final = 500
LOOKED_MAX: Final = 5_000
ALL: Final = "All"
COLUMNS: Final = (
    Column("due", "Due (UTC)", "moment"),
    Column("in", "In"),
    Column("destination", "Destination"),
    Column("message_id", "Message id", link="trace"),
    Column("user", "User", link="of_user"),
    Column("attempts", "Attempts", "number"),
    Column("status", "Last status"),
    Column("error", "Last error"),
    Column("behind", "Wait behind it", "number"),
)
ERRORS: Final = (
    Column("error", "Last error"),
    Column("status", "Status"),
    Column("destination", "Destination"),
    Column("count", "Of them", "number"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an address asks for; `faults` say what of it meant nothing."""

    destination: str | None
    user: str
    cursor: Place | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """Some retries, where to go on, and how many were looked at to find them."""

    found: Sequence[tuple[str, Retry]]
    cursor: Place | None
    looked: int


def register(desk: Desk) -> None:
    @ui.page(PATH, response_timeout=20)
    async def page(request: Request) -> None:
        accounts = {
            one.id: one for one in await asyncio.to_thread(known, desk.store, desk.settings)
        }
        wish = wished(request.query_params, list(accounts))
        chosen = [*accounts.values()]
        if wish.destination is not None:
            chosen = [accounts[wish.destination]]
        found = await asyncio.to_thread(listed, desk, chosen, wish)
        groups = await asyncio.to_thread(grouped, desk, chosen) if first(wish) else []
        look = await desk.watch.look()
        waiting = {one.account.id: one.census.retrying for one in look.standings}
        with framed(desk, request, "Retries"):
            _choice(wish, list(accounts), waiting)
            for words in wish.faults:
                fault(words)
            _search(wish)
            _errors(groups)
            _retries(wish, found)


def first(wish: Wish) -> bool:
    """Whether the first page of all is asked for."""
    return wish.cursor is None and not wish.user


def wished(query: Mapping[str, str], destinations: Sequence[str]) -> Wish:
    """What a query asks for."""
    faults: list[str] = []
    destination, cursor = query.get("destination", "").strip() or None, None
    if destination is not None and destination not in destinations:
        faults.append(f"destination: expected one of {', '.join(destinations) or 'none'}")
        destination = None
    try:
        cursor = Place.parse(told) if (told := query.get("cursor", "").strip()) else None
    except ValueError as wrong:
        faults.append(f"cursor: {wrong}")
    return Wish(destination, query.get("user", "").strip(), cursor, tuple(faults))


def listed(desk: Desk, accounts: Sequence[DestinationSettings], wish: Wish) -> Listed:
    """The next retries; of one user it looks at a bounded number to find them."""
    found: list[tuple[str, Retry]] = []
    cursor, looked = wish.cursor, 0
    step = SHOWN if not wish.user else GROUPED
    while True:
        page, cursor = _page(desk, accounts, cursor, step)
        looked += len(page)
        found += [pair for pair in page if wish.user in ("", pair[1].delivery.user)]
        if len(found) >= SHOWN:
            shown = found[:SHOWN]
            more = cursor is not None or len(found) > SHOWN
            return Listed(shown, shown[-1][1].place if more else None, looked)
        if cursor is None or looked >= LOOKED_MAX:
            return Listed(found, cursor, looked)


def grouped(
    desk: Desk, accounts: Sequence[DestinationSettings]
) -> list[tuple[tuple[str, str, str], int]]:
    """What the next retries failed with, by message, status and destination; the most first."""
    page, _ = _page(desk, accounts, None, GROUPED)
    counts: Counter[tuple[str, str, str]] = Counter()
    for destination, retry in page:
        attempts = retry.delivery.attempts
        status = attempts[-1].status if attempts else None
        error = pattern(attempts[-1].error) if attempts else "not tried since it was replayed"
        counts[error, NONE if status is None else str(status), destination] += 1
    return counts.most_common()


def _page(
    desk: Desk, accounts: Sequence[DestinationSettings], after: Place | None, limit: int
) -> tuple[list[tuple[str, Retry]], Place | None]:
    pages = {
        one.id: Retries(desk.store, one.id, Log(desk.store, one).layout.total).page(after, limit)
        for one in accounts
    }
    return merged(pages, limit)


def row(destination: str, one: Retry, now: int) -> Mapping[str, object]:
    attempts, delivery = one.delivery.attempts, one.delivery
    last = attempts[-1] if attempts else None
    return {
        "id": f"{destination} {one.place}",
        "due": moment(one.place.due),
        "in": length((one.place.due - now) / 1000) if one.place.due > now else "due",
        "destination": destination,
        "message_id": delivery.id,
        "user": delivery.user or NONE,
        "attempts": whole(len(attempts)),
        "status": NONE if last is None or last.status is None else str(last.status),
        "error": last.error if last else "",
        "behind": whole(one.behind),
        "trace": address("/trace", message_id=delivery.id, user=delivery.user),
        "of_user": address(PATH, destination=destination, user=delivery.user),
    }


def _choice(wish: Wish, destinations: Sequence[str], waiting: Mapping[str, int]) -> None:
    paths = {ALL: address(PATH, user=wish.user)}
    names = {one: f"{one} ({whole(waiting.get(one, 0))})" for one in destinations}
    paths |= {names[one]: address(PATH, destination=one, user=wish.user) for one in destinations}
    choice("Destination", paths, names.get(wish.destination or "", ALL))


def _search(wish: Wish) -> None:
    def find() -> None:
        user = str(box.value or "").strip()
        ui.navigate.to(address(PATH, destination=wish.destination, user=user))

    with ui.element("form").classes("relay-form").on("submit.prevent", find):
        box = ui.input("User", value=wish.user).props("dense outlined stack-label clearable")
        ui.button("Find", icon="search").props("unelevated no-caps type=submit")


def _errors(groups: Sequence[tuple[tuple[str, str, str], int]]) -> None:
    if len(groups) < 1:
        return
    looked = sum(count for _, count in groups)
    section("Why")
    ui.label(f"Of the {whole(looked)} that are due next").classes("relay-note")
    rows = [
        {
            "id": " ".join(about),
            "error": about[0] or "no message",
            "status": about[1],
            "destination": about[2],
            "count": whole(count),
        }
        for about, count in groups
    ]
    listing(ERRORS, rows)


def _retries(wish: Wish, found: Listed) -> None:
    section("Next due")
    if not found.found and found.cursor is None:
        whose = f" for user {wish.user}" if wish.user else ""
        nothing(f"Nothing waits to be tried again{whose}.")
        return
    if wish.user:
        ui.label(f"Looked at {whole(found.looked)} retries").classes("relay-note")
    now = milliseconds()
    listing(COLUMNS, [row(destination, one, now) for destination, one in found.found])
    if found.cursor is not None:
        on = address(PATH, destination=wish.destination, user=wish.user, cursor=found.cursor)
        ui.link("Later ones", on)
