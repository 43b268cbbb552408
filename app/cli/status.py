"""`relay status`: the ledger of every destination, what every source sent, whether it can flow."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import redis
from rich.table import Column, Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, FAILED, UNREACHABLE, note
from app.cli.tables import printable, show, show_json
from app.clock import milliseconds
from app.counters import Tally, tally
from app.ledger import Day
from app.log import Log
from app.overview import standings
from app.presence import alive_since
from app.readiness import Obstacle, connect_once, obstacles, standing_still
from app.settings import Settings
from app.standing import Standing, standstill

LOOK_EVERY_S = 0.25
REASON_WIDTH = 80
ROWS = (
    "state",
    "reason",
    "accepted",
    "parts",
    "delivered",
    "flags",
    "skipped",
    "filtered",
    "before_cutover",
    "dry_run",
    "discarded",
    "expired",
    "waiting",
    "retrying",
    "dead",
    "unconfirmed",
    "unmapped",
    "unaccounted",
    "oldest_seconds",
    "backlog",
    "rate",
    "latency_ms",
)
TITLES = {"oldest_seconds": "oldest_waiting", "latency_ms": "latency"}
DAY_COLUMNS = (
    "accepted",
    "waiting",
    "retrying",
    "dead",
    "unmapped",
    "delivered",
    "skipped",
    "discarded",
)
SOURCE_ROWS = ("accepted", "repeats", "unrouted", "refused")


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found at one look: what keeps deliveries from flowing, and how all stands."""

    obstacles: tuple[Obstacle, ...]
    standings: tuple[Standing, ...]


def run(settings: Settings, ingest_url: str, wait_s: float, days: int, *, as_json: bool) -> int:
    """Print it, after waiting until a delivery can flow but no longer than `wait_s`."""
    with connect_once(settings.store_url.get_secret_value()) as store:
        looked = _awaited(store, settings, ingest_url, wait_s)
        for obstacle in looked.obstacles:
            note(obstacle.why)
        try:
            tallies = {source: tally(store, source) for source in settings.sources}
            ledgers = _ledgers(store, looked.standings, days)
        except redis.RedisError:
            return UNREACHABLE
    _show(looked.standings, ledgers, tallies, as_json=as_json)
    return exit_code(looked.obstacles)


def exit_code(found: Sequence[Obstacle]) -> int:
    if any(obstacle.away for obstacle in found):
        return UNREACHABLE
    return FAILED if found else DONE


def _awaited(store: redis.Redis, settings: Settings, ingest_url: str, wait_s: float) -> Looked:
    deadline = time.monotonic() + wait_s
    while True:
        looked = _look(store, settings, ingest_url)
        if not looked.obstacles or time.monotonic() >= deadline:
            return looked
        time.sleep(LOOK_EVERY_S)


def _look(store: redis.Redis, settings: Settings, ingest_url: str) -> Looked:
    now = milliseconds()
    since = alive_since(now)
    found = [*obstacles(store, settings, ingest_url, since), *standing_still(store, since)]
    try:
        stands = tuple(standings(store, settings, since))
    except redis.RedisError as error:
        found.append(Obstacle(f"the store does not answer ({error})", away=True))
        return Looked(tuple(dict.fromkeys(found)), ())
    still = (standstill(standing, now) for standing in stands)
    return Looked((*found, *(Obstacle(why) for why in still if why)), stands)


def _ledgers(store: redis.Redis, stands: Sequence[Standing], newest: int) -> dict[str, list[Day]]:
    """The ledger by day of every destination; empty without days that were asked for."""
    accounts = [standing.account for standing in stands] if newest else []
    return {account.id: Log(store, account).days(newest) for account in accounts}


def _show(
    stands: Sequence[Standing],
    ledgers: Mapping[str, Sequence[Day]],
    tallies: Mapping[str, Tally],
    *,
    as_json: bool,
) -> None:
    now = milliseconds()
    listed = [items.destination(standing, now) for standing in stands]
    days = {name: [items.day(day) for day in ledger] for name, ledger in ledgers.items()}
    sources = [items.source(source, tally) for source, tally in tallies.items()]
    if as_json:
        with_days = [{**one, "days": days[str(one["id"])]} if days else one for one in listed]
        show_json({"items": with_days, "sources": sources, "next_cursor": None})
        return
    show(_table("destination", ROWS, listed, {}))
    for name, ledger in days.items():
        sys.stdout.write("\n")
        show(days_table(name, ledger))
    sys.stdout.write("\n")
    show(_table("source", SOURCE_ROWS, sources, _by_code(tallies)))


def days_table(destination: str, ledger: Sequence[items.Item]) -> Table:
    """A row per day."""
    table = Table(destination, *(Column(name, justify="right") for name in DAY_COLUMNS), box=None)
    for day in ledger:
        counts = (_cell(name, day[name]) for name in DAY_COLUMNS)
        table.add_row(str(day["day"]), *counts)
    return table


def _table(
    of: str,
    rows: Sequence[str],
    listed: Sequence[items.Item],
    more: Mapping[str, Sequence[int]],
) -> Table:
    """A column per item, so that all counts fit on a terminal."""
    table = Table(of, *(str(one["id"]) for one in listed), box=None)
    for name in rows:
        table.add_row(TITLES.get(name, name), *(_cell(name, one[name]) for one in listed))
    for name, counts in more.items():
        table.add_row(f"  {name}", *(_cell(name, count) for count in counts))
    return table


def _by_code(tallies: Mapping[str, Tally]) -> dict[str, list[int]]:
    """A row for every code under which any source had events refused."""
    codes = sorted({code for tally in tallies.values() for code in tally.refused})
    return {code: [tally.refused.get(code, 0) for tally in tallies.values()] for code in codes}


def _cell(name: str, value: object) -> Text:
    match name, value:
        case _, None:
            return Text("")
        case "oldest_seconds", float():
            return Text(f"{value:.0f} s")
        case "rate", float():
            return Text(f"{value:g}/s")
        case "latency_ms", {"p50": int() as p50, "p95": int() as p95}:
            return Text(f"p50 {p50:,} ms, p95 {p95:,} ms")
        case "latency_ms", _:
            return Text("")
        case "unaccounted", int() if value:
            return Text(f"{value:,}", "bold red")
        case _, int():
            return Text(f"{value:,}")
        case _:
            return Text(fill(printable(str(value)), REASON_WIDTH))
