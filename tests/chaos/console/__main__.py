"""Time all that operators read and do over a full store: `python -m tests.chaos.console`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
import requests

from app.dead_letters import DeadLetters, Filter
from app.replays import Replays
from tests.chaos.console.addresses import addresses, operator, settings
from tests.chaos.console.loading import KABLE, Amounts, load
from tests.chaos.console.timing import ASKED_MS, LISTED_MS, TIMES, Stopwatch, Timed
from tests.chaos.console.verbs import reads
from tests.processes import console, free_port, store_answers, valkey, wait_until

STEPS = 20
FIRST = -20


def main() -> int:
    chosen = _options()
    amounts = Amounts(letters=chosen.letters, retries=chosen.retries)
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.folder or Path(made)
        with _running(folder) as url, redis.Redis.from_url(url, socket_timeout=60) as store:
            load(store, amounts, _say)
            memory = store.info("memory")["used_memory"]
            _say(f"{memory / 1e6:,.0f} MB in the store")
            found = [_shown(one) for one in _measured(store, chosen.only, keep=chosen.keep)]
            _say(f"the last fork took {store.info('stats')['latest_fork_usec'] / 1_000:.1f} ms")
    bad = [one.verb for one in found if not one.is_good]
    print(f"over a mark: {', '.join(bad)}" if bad else "all within the marks")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.console", description=__doc__)
    parser.add_argument("--letters", type=int, default=1_000_000)
    parser.add_argument("--retries", type=int, default=500_000)
    parser.add_argument("--only", default="", help="verbs that contain this")
    parser.add_argument("--folder", type=Path, help="keeps the store, and finds it loaded again")
    parser.add_argument(
        "--keep", action="store_true", help="change nothing: no replay, no discard"
    )
    return parser.parse_args()


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    """A store as `relay dev` starts it, with room; its URL.

    It goes before all else on this machine where that is allowed, for what it waits for a core is
    no cost of ours.
    """
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    folder.mkdir(exist_ok=True)
    server = valkey(port, folder)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, server.pid, FIRST)
    try:
        wait_until(lambda: _is_loaded(url), within=300)
        yield url
    finally:
        server.terminate()
        server.wait()


def _is_loaded(url: str) -> bool:
    try:
        return store_answers(url)
    except redis.exceptions.BusyLoadingError:
        return False


def _measured(store: redis.Redis, only: str, *, keep: bool) -> Iterator[Timed]:
    print(
        f"{'':36} {'p50 ms':>8} {'max ms':>8} {'call ms':>8} {'own':>6}  slowest call of the store"
    )
    watch = Stopwatch(store)
    for name, act in reads(store):
        if only in name:
            is_asked = name.startswith(("count", "dry run"))
            yield watch.timed(name, act, ASKED_MS if is_asked else LISTED_MS)
    with _console(store) as address:
        session = operator(address)
        described = session.get(f"{address}/api/openapi.json", timeout=30).json()["paths"]
        for path, most_ms in addresses(store, described):
            if only in path:
                yield watch.timed(path, lambda p=path: _got(session, address + p), most_ms)
    for name, steps in [] if keep else _changes(store):
        if only in name:
            yield watch.stepped(name, steps)


@contextmanager
def _console(store: redis.Redis) -> Iterator[str]:
    """A console on this store, in a process of its own; its address."""
    port = store.connection_pool.connection_kwargs["port"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relay.toml"
        path.write_text(settings(f"redis://127.0.0.1:{port}/0"))
        with console(path) as address:
            yield address


def _got(session: requests.Session, url: str) -> None:
    """Its answer, whole: nothing of it streams. What nobody knows is a 404."""
    answer = session.get(url, timeout=60)
    assert answer.status_code in (200, 404), (url, answer.status_code, answer.text[:200])


def _changes(store: redis.Redis) -> Iterator[tuple[str, Iterator[object]]]:
    """What changes something and cannot be repeated, the largest last."""
    letters = DeadLetters(store, KABLE)
    yield "replay", _replayed(store)
    for filter_ in (
        Filter(user="u-many"),
        Filter(reason="unconfirmed"),
        Filter(event="Search"),
        Filter(reason="rejected"),
        Filter(),
    ):
        name = ", ".join(f"{name} {value}" for name, value in filter_.written().items()) or "all"
        yield f"discard: {name}", letters.discard_all(filter_, letters.end())


def _replayed(store: redis.Redis) -> Iterator[object]:
    replays = Replays(store, KABLE)
    begun = replays.begin(Filter(reason="rejected"), 500, "ann")
    yield begun
    for _ in range(STEPS):
        time.sleep(0.2)
        yield replays.step() or begun
    yield replays.cancel(begun.id)


def _shown(one: Timed) -> Timed:
    call = one.slowest
    again = f"  best of {one.rounds} rounds" if one.rounds > 1 else ""
    steps = f"  {one.times:,} steps" if one.times != TIMES else ""
    mark = " " if one.is_good else "!"
    times = f"{one.p50_ms:8.1f} {one.max_ms:8.1f} {call.ms:8.1f} {call.own_ms:6.1f}"
    counts = f"{one.near} over 1 ms, {one.over} over 10{steps}{again}"
    print(f"{mark} {one.verb:34} {times}  {call.what}  {counts}", flush=True)
    return one


def _say(line: str) -> None:
    print(f"# {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
