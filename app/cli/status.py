"""`relay status`: the ledger of every destination, what every source sent, whether it can flow."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from rich.table import Table
from rich.text import Text

from app.cli.exits import DONE, FAILED, UNREACHABLE, note
from app.cli.tables import show
from app.counters import Tally, tally
from app.ledger import Census
from app.log import Log
from app.presence import alive_since, live_queues
from app.readiness import Obstacle, connect_once, obstacles, standing_still
from app.settings import DestinationSettings, Settings
from app.throttle import FOREVER_MS
from app.wake import queue_name

LOOK_EVERY_S = 0.25
COUNTS = ("accepted", "delivered", "skipped", "discarded", "waiting", "retrying", "dead")
ROWS = ("state", "reason", *COUNTS, "unmapped", "unaccounted", "oldest_seconds")
SOURCE_ROWS = ("accepted", "repeats", "unrouted", "refused")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination stands; `served` tells that a worker consumes its queue."""

    account: DestinationSettings
    census: Census
    served: bool


def run(settings: Settings, ingest_url: str, wait_s: float, *, as_json: bool) -> int:
    """Print it, after waiting until a delivery can flow but no longer than `wait_s`."""
    with connect_once(settings.store_url.get_secret_value()) as store:
        found = _awaited(store, settings, ingest_url, wait_s)
        for obstacle in found:
            note(obstacle.why)
        try:
            standings = _standings(store, settings)
            tallies = {source: tally(store, source) for source in settings.sources}
        except redis.RedisError:
            return UNREACHABLE
        for obstacle in standing_still(store, alive_since(_now())):
            note(obstacle.why)
    _show(standings, tallies, as_json=as_json)
    return exit_code(found)


def exit_code(found: Sequence[Obstacle]) -> int:
    if any(obstacle.away for obstacle in found):
        return UNREACHABLE
    return FAILED if found else DONE


def state(standing: Standing) -> tuple[str, str]:
    """The state in a word, and the reason when it is not `delivering`."""
    census = standing.census
    if not standing.served:
        return "unattended", f"no worker consumes the queue {queue_name(standing.account.queue)}"
    if census.held_until == FOREVER_MS:
        return "paused", census.why
    if census.held_until is not None:
        return "throttled", f"held until {_iso(census.held_until)}: {census.why}"
    if census.failures:
        return "broken", f"tried again and again: {census.why}"
    return "delivering", ""


def item(standing: Standing, now: int) -> dict[str, object]:
    """A destination as the API lists it."""
    word, reason = state(standing)
    census = standing.census
    oldest = None if census.oldest_ms is None else max(0, now - census.oldest_ms) / 1000
    return {
        "id": standing.account.id,
        "kind": standing.account.kind,
        "state": word,
        "reason": reason,
        "oldest_seconds": oldest,
        **{name: getattr(census, name) for name in COUNTS},
        "unmapped": census.unmapped,
        "unaccounted": census.unaccounted,
    }


def source_item(source: str, tally: Tally) -> dict[str, object]:
    """A source as the API lists it."""
    return {
        "id": source,
        "accepted": tally.accepted,
        "repeats": tally.deduplicated,
        "unrouted": tally.unrouted,
        "refused": sum(tally.refused.values()),
        "refused_by_code": dict(tally.refused),
    }


def _awaited(
    store: redis.Redis, settings: Settings, ingest_url: str, wait_s: float
) -> tuple[Obstacle, ...]:
    deadline = time.monotonic() + wait_s
    while True:
        found = tuple(obstacles(store, settings, ingest_url, alive_since(_now())))
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(LOOK_EVERY_S)


def _standings(store: redis.Redis, settings: Settings) -> list[Standing]:
    served = live_queues(store, alive_since(_now()))
    return [
        Standing(account, Log(store, account).census(), queue_name(account.queue) in served)
        for account in settings.destinations.values()
    ]


def _show(standings: Sequence[Standing], tallies: Mapping[str, Tally], *, as_json: bool) -> None:
    items = [item(standing, _now()) for standing in standings]
    sources = [source_item(source, tally) for source, tally in tallies.items()]
    if as_json:
        shown = {"items": items, "sources": sources, "next_cursor": None}
        json.dump(shown, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    show(_table("destination", ROWS, items, {}))
    sys.stdout.write("\n")
    show(_table("source", SOURCE_ROWS, sources, _by_code(tallies)))


def _table(
    of: str,
    rows: Sequence[str],
    items: Sequence[dict[str, object]],
    more: Mapping[str, Sequence[int]],
) -> Table:
    """A column per item, so that all counts fit on a terminal."""
    table = Table(of, *(str(one["id"]) for one in items), box=None)
    for name in rows:
        table.add_row(name.removesuffix("_seconds"), *(_cell(name, one[name]) for one in items))
    for name, counts in more.items():
        table.add_row(f"  {name}", *(_cell(name, count) for count in counts))
    return table


def _by_code(tallies: Mapping[str, Tally]) -> dict[str, list[int]]:
    """A row for every code under which any source had events refused."""
    codes = sorted({code for tally in tallies.values() for code in tally.refused})
    return {code: [tally.refused.get(code, 0) for tally in tallies.values()] for code in codes}


def _cell(name: str, value: object) -> Text:
    if name == "oldest_seconds":
        return Text("" if value is None else f"{value:.0f} s")
    lost = name == "unaccounted" and value != 0
    return Text(f"{value:,}" if isinstance(value, int) else str(value), "bold red" if lost else "")


def _iso(moment: int) -> str:
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _now() -> int:
    return time.time_ns() // 1_000_000
