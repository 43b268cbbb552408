"""What `relay reconcile` found of a destination: as a table, as JSON and as an exit code."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from rich.table import Column, Table
from rich.text import Text

from app.cli.exits import DONE, FAILED, UNREACHABLE, note
from app.cli.tables import show as show_table
from app.destination import CountFailed, Period
from app.reconcile import Compared, Unconfirmed, meaning, sum_of

COLUMNS = ("accepted", "delivered", "unfinished", "dead", "counted", "difference")


@dataclass(frozen=True, slots=True)
class ByDay:
    """The relay's ledger beside the destination's count."""

    destination: str
    days: Sequence[Compared]


@dataclass(frozen=True, slots=True)
class ByPeriod:
    """The destination's count alone, of one user or customer."""

    destination: str
    periods: Sequence[Period]


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is unconfirmed, each with the destination's count."""

    destination: str
    groups: Sequence[Unconfirmed]


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing to compare with was had."""

    destination: str
    failure: CountFailed


Report = ByDay | ByPeriod | Doubts | Failed


def exit_code(report: Report) -> int:
    match report:
        case ByDay(_, days):
            return FAILED if sum_of(days).difference else DONE
        case ByPeriod():
            return DONE
        case Doubts(_, groups):
            failures = [group.count for group in groups if isinstance(group.count, CountFailed)]
            if any(failure.away for failure in failures):
                return UNREACHABLE
            return FAILED if groups else DONE
        case Failed(_, failure):
            return UNREACHABLE if failure.away else FAILED
        case _ as never:
            assert_never(never)


def item(report: Report) -> dict[str, object]:
    """A destination's comparison as JSON; exactly one of its members beside `id` is there."""
    match report:
        case ByDay(_, days):
            found: dict[str, object] = {
                "days": [_day(day) for day in days],
                "total": _day(sum_of(days)),
            }
        case ByPeriod(_, periods):
            found = {"periods": [_period(period) for period in periods]}
        case Doubts(_, groups):
            found = {"unconfirmed": [_group(group) for group in groups]}
        case Failed(_, failure):
            found = {"error": failure.why}
        case _ as never:
            assert_never(never)
    return {"id": report.destination, **found}


def show(report: Report) -> None:
    match report:
        case ByDay(destination, days):
            show_table(_days_table(destination, days))
            sys.stdout.write(
                "The relay counts by the day (UTC) of acceptance, the destination by the event's "
                "timestamp:\na day may differ where the sum does not.\n"
            )
        case ByPeriod(destination, periods):
            show_table(_periods_table(destination, periods))
        case Doubts(destination, groups) if groups:
            show_table(_doubts_table(destination, groups))
        case Doubts(destination, _):
            sys.stdout.write(f"{destination}: nothing is unconfirmed\n")
        case Failed(destination, failure):
            note(f"{destination}: {failure.why}")
        case _ as never:
            assert_never(never)


def _day(row: Compared) -> dict[str, object]:
    numbers = {name: getattr(row, name) for name in COLUMNS}
    day = {} if row.day is None else {"day": row.day.isoformat()}
    return {**day, **numbers, "meaning": meaning(row)}


def _period(period: Period) -> dict[str, object]:
    return {"start": _iso(period.start), "end": _iso(period.end), "counted": period.total}


def _group(group: Unconfirmed) -> dict[str, object]:
    return {
        "user": group.user,
        "feature": group.feature,
        "letters": group.letters,
        "delta": group.delta,
        "since": _iso(group.since),
        "periods": [_period(period) for period in group.periods],
        **({"error": group.count.why} if isinstance(group.count, CountFailed) else {}),
    }


def _days_table(destination: str, days: Sequence[Compared]) -> Table:
    table = Table(destination, *map(_right, COLUMNS), "meaning", box=None)
    for row in (*days, sum_of(days)):
        name = "sum" if row.day is None else row.day.isoformat()
        numbers = (f"{getattr(row, column):,}" for column in COLUMNS)
        table.add_row(name, *numbers, meaning(row))
    return table


def _periods_table(destination: str, periods: Sequence[Period]) -> Table:
    table = Table(destination, "until", _right("counted"), box=None)
    for period in periods:
        table.add_row(_iso(period.start), _iso(period.end), f"{period.total:,}")
    return table


def _doubts_table(destination: str, groups: Sequence[Unconfirmed]) -> Table:
    columns = (_right("letters"), _right("delta"), "unconfirmed since", "counted")
    table = Table(f"{destination} user", "feature", *columns, box=None)
    for group in groups:
        table.add_row(
            Text(group.user),
            Text(group.feature),
            f"{group.letters:,}",
            f"{group.delta:+,}",
            _iso(group.since),
            Text(_counted(group)),
        )
    return table


def _right(title: str) -> Column:
    return Column(title, justify="right")


def _counted(group: Unconfirmed) -> str:
    if isinstance(group.count, CountFailed):
        return group.count.why
    periods = (
        f"{period.total:,} from {period.start.date()} to {period.end.date()}"
        for period in group.periods
    )
    return ", ".join(periods) or "no period since then"


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
