"""Unconfirmed usage: what is known of each, what the destination counts itself, the decision."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from nicegui import ui
from starlette.requests import Request

from app.client import Client
from app.console.desk import Desk
from app.console.frame import framed
from app.console.letters.acting import Acting
from app.console.letters.asked import Asked, asked
from app.console.letters.filtering import faults
from app.console.letters.shown import letter_path, moment
from app.console.listing import Column, listing
from app.console.session import Operator
from app.console.widgets import NONE, apart, button, choice, length, nothing, section, whole
from app.dead_letters import DeadLetters, Filter, Opened
from app.destination import Counted, CountFailed, CountsByFeature, Period, Usage
from app.destinations import KINDS
from app.reconcile import Counterpart, count_by_feature
from app.segment import Event
from app.settings import DestinationSettings

PATH: Final = "/unconfirmed"
SHOWN: Final = 50
UNCONFIRMED: Final = Filter(reason="unconfirmed")
COLUMNS: Final = (
    Column("sent", "Sent (UTC)", "moment", link="open"),
    Column("ended", "How the answer was lost", "wide", link="open"),
    Column("after", "After", "short"),
    Column("user", "User"),
    Column("feature", "Feature"),
    Column("delta", "Delta", "number"),
    Column("message_id", "Message id", link="open"),
)
WHAT: Final = (
    "These calls went out, and no answer came that says what became of them. They are never sent "
    "again on their own. What was recorded is discarded as delivered; what was not is replayed."
)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A letter, and the usage that it stands for where the destination counts by feature."""

    opened: Opened
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of what is unconfirmed at a destination, of `total`."""

    found: Sequence[Doubtful]
    cursor: str | None
    total: int


def register(desk: Desk) -> None:
    @ui.page(PATH, response_timeout=20)
    async def page(request: Request) -> None:
        accounts = await desk.accounts()
        wish = asked(request.query_params, accounts)
        counts = await asyncio.to_thread(counted, desk, list(accounts.values()))
        destination = wish.destination or max(counts, key=lambda one: counts[one], default=None)
        with framed(desk, request, "Unconfirmed") as operator:
            faults(wish)
            if destination is None:
                nothing("The settings name no destination.")
                return
            names = {one: f"{one} ({whole(counts[one])})" for one in accounts}
            paths = {names[one]: wish.there(PATH, destination=one) for one in accounts}
            choice("Destination", paths, names[destination])
            found = await asyncio.to_thread(listed, desk, accounts[destination], wish)
            _show(desk, operator, accounts[destination], wish, found)


def counted(desk: Desk, accounts: Sequence[DestinationSettings]) -> dict[str, int]:
    """How many are unconfirmed at each."""
    return {one.id: DeadLetters(desk.store, one).count(UNCONFIRMED) for one in accounts}


def listed(desk: Desk, account: DestinationSettings, wish: Asked) -> Listed:
    letters = DeadLetters(desk.store, account)
    page = letters.page(UNCONFIRMED, wish.cursor, SHOWN)
    opened = letters.deliveries(page.items)
    found = [Doubtful(one, usage(one, account)) for one in opened]
    return Listed(found, page.next_cursor, letters.count(UNCONFIRMED))


def usage(opened: Opened, account: DestinationSettings) -> Usage | None:
    """What the letter may have been counted as. Pure."""
    counts = counts_of(account)
    if counts is None:
        return None
    try:
        return counts.used(Event.decode(opened.delivery.event), account)
    except msgspec.DecodeError:
        return None


def counts_of(account: DestinationSettings) -> CountsByFeature[Any] | None:
    """How to ask the destination what it counts by feature; None where it cannot say."""
    counts = KINDS[account.kind].counts if account.kind in KINDS else None
    return counts if isinstance(counts, CountsByFeature) else None


def by_usage(found: Sequence[Doubtful]) -> dict[tuple[str, str], list[Doubtful]]:
    """What stands for usage, by user and feature. Pure."""
    groups: dict[tuple[str, str], list[Doubtful]] = {}
    for one in found:
        if one.usage is not None:
            groups.setdefault((one.usage.user, one.usage.feature), []).append(one)
    return groups


def periods_told(periods: Sequence[Period], since: datetime) -> str:
    """What the destination counts in the periods in which the usage can lie. Pure."""
    told = [
        f"{one.total:,} from {one.start.date()} to {one.end.date()}"
        for one in periods
        if one.end > since
    ]
    return ", ".join(told) or "no period since then"


def row(destination: str, one: Doubtful) -> Mapping[str, object]:
    letter, tried = one.opened.letter, one.opened.delivery
    last = tried.attempts[-1] if tried.attempts else None
    sent = last is not None and bool(last.request)
    return {
        "id": one.opened.id,
        "sent": moment(last.at if last and sent else letter.buried_at),
        "ended": (last.error if last and sent else letter.message) or "no answer",
        "after": length(last.took / 1000) if last and sent else NONE,
        "user": one.usage.user if one.usage else letter.user,
        "feature": one.usage.feature if one.usage else NONE,
        "delta": f"{one.usage.delta:+,}" if one.usage else NONE,
        "message_id": letter.id,
        "open": f"{letter_path(destination, one.opened.id)}?reason=unconfirmed",
    }


def _show(
    desk: Desk, operator: Operator, account: DestinationSettings, wish: Asked, found: Listed
) -> None:
    if not found.total:
        nothing(f"Nothing is unconfirmed at {account.id}.")
        return
    ui.label(WHAT).classes("relay-note")
    _counts(desk, operator, account, found)
    with ui.row().classes("relay-head"):
        section("Letter by letter")
        shown = f"{whole(len(found.found))} of {whole(found.total)}, the newest first"
        ui.label(shown).classes("relay-note")
    acting = None
    if not operator.read_only:
        of = {one.opened.id: account.id for one in found.found}
        acting = Acting(desk, operator, of, account.id, UNCONFIRMED, wish.faults)
        acting.show()
    listing(
        COLUMNS,
        [row(account.id, one) for one in found.found],
        None if acting is None else acting.choose,
    )
    if found.cursor is not None:
        ui.link("Older ones", wish.there(PATH, destination=account.id, cursor=found.cursor))


def _counts(desk: Desk, operator: Operator, account: DestinationSettings, found: Listed) -> None:
    """By user and feature, with a button that asks the destination for its own count."""
    groups = by_usage(found.found)
    if not groups:
        return
    section("By user and feature")
    part = "" if found.cursor is None else f", of the {whole(len(found.found))} shown below"
    ui.label(f"What may or may not have been recorded{part}").classes("relay-note")
    with ui.element("div").classes("relay-counts"):
        for (user, feature), letters in groups.items():
            with ui.card().classes("relay-count"):
                delta = sum(one.usage.delta for one in letters if one.usage)
                ui.label(f"{apart(user)} · {apart(feature)}").classes("relay-what relay-break")
                number = "1 letter" if len(letters) == 1 else f"{len(letters):,} letters"
                ui.label(f"unconfirmed: {delta:+,} in {number}")
                if not operator.read_only and account.id in desk.settings.destinations:
                    _Asking(account, user, feature, letters).show()


class _Asking:
    """Asks the destination what it counts of one user and feature, when somebody presses."""

    def __init__(
        self, account: DestinationSettings, user: str, feature: str, letters: Sequence[Doubtful]
    ) -> None:
        self._account, self._user, self._feature = account, user, feature
        oldest = min(one.opened.letter.buried_at for one in letters)
        self._since = datetime.fromtimestamp(oldest / 1000, UTC)

    def show(self) -> None:
        self._told = ui.label().classes("relay-break").props("role=status")
        button(f"Ask {self._account.id}", self._ask, "help").props("outline")

    async def _ask(self) -> None:
        found = await asyncio.to_thread(self._count)
        if isinstance(found, CountFailed):
            self._told.set_text(f"{self._account.id} gave no count: {found.why}")
            return
        told = periods_told(found.periods, self._since)
        self._told.set_text(f"{self._account.id} counts {told}")

    def _count(self) -> Counted | CountFailed:
        counts = counts_of(self._account)
        if counts is None:
            return CountFailed(f"{self._account.id} cannot say what it counts")
        kind = KINDS[self._account.kind]
        client = Client(kind, self._account)
        try:
            counterpart = Counterpart(kind, self._account, client)
            return count_by_feature(counterpart, counts, self._user, self._feature)
        finally:
            client.close()
