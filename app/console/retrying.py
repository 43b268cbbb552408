"""What the page of retries reads: the next that are due, of whom, and what they failed with."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.console.desk import Desk
from app.console.letters.shown import moment
from app.console.widgets import NONE, address, length, whole
from app.fingerprint import pattern
from app.log import Log
from app.retries import Place, Retries, Retry, merged
from app.settings import DestinationSettings

PATH: Final = "/retries"
SHOWN: Final = 50
GROUPED: Final = 500
LOOKED_MAX: Final = 5_000

Grouped = tuple[tuple[str, str, str], int]
"""A message, a status and a destination, and how many failed with that last."""


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


def read(
    desk: Desk, accounts: Sequence[DestinationSettings], wish: Wish
) -> tuple[Listed, Sequence[Grouped]]:
    """A page of retries, and on the first one what the next of them failed with."""
    groups = grouped(desk, accounts) if first(wish) else []
    return listed(desk, accounts, wish), groups


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


def grouped(desk: Desk, accounts: Sequence[DestinationSettings]) -> list[Grouped]:
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
