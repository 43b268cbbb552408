"""Bury many letters and time what operators do with them: `python -m tests.chaos.letters`."""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from app.dead_letters import DeadLetters, Filter
from app.log import Log
from app.settings import DestinationSettings
from tests.burying import bury
from tests.processes import free_port, store_answers, valkey, wait_until

ACCOUNT = DestinationSettings(id="kable", kind="kable")
LONG_US = 10_000
LISTED_MAX = 10_000

Figure = tuple[str, object]


def figures(store: redis.Redis, count: int) -> Iterator[Figure]:
    """What was done, and how long it took or how many there were."""
    yield "bury", _timed(lambda: bury(Log(store, ACCOUNT), count))
    yield "memory of the store", store.info("memory")["used_memory_human"]
    store.config_set("slowlog-log-slower-than", LONG_US)
    store.config_set("slowlog-max-len", LISTED_MAX)
    store.slowlog_reset()
    letters = DeadLetters(store, ACCOUNT)
    yield "groups", _timed(letters.groups)
    for filter_ in (
        Filter(),
        Filter(reason="rejected"),
        Filter(reason="unconfirmed"),
        Filter(group=letters.groups()[0].id),
        Filter(event="Search"),
        Filter(user="u-1"),
        Filter(message_id="m-1"),
    ):
        name = ", ".join(f"{name} {value}" for name, value in filter_.written().items()) or "all"
        yield f"first page: {name}", _timed(lambda f=filter_: letters.page(f))
        yield f"count: {name}", _timed(lambda f=filter_: letters.count(f))
    yield "reads over 10 ms", _long_calls(store)
    yield from _discarded(letters, Filter(reason="unconfirmed"))
    yield from _discarded(letters, Filter(event="Search"))
    yield "calls over 10 ms", _long_calls(store)


def _discarded(letters: DeadLetters, filter_: Filter) -> Iterator[Figure]:
    name = f"discard: {filter_.written()}"
    yield f"{name}, how many", letters.count(filter_)
    yield name, _timed(lambda: sum(letters.discard_all(filter_, letters.end())))


def _timed(act: Callable[[], object]) -> str:
    began = time.perf_counter()
    act()
    return f"{(time.perf_counter() - began) * 1_000:,.1f} ms"


def _long_calls(store: redis.Redis) -> str:
    """Those of the scheduler as well: on a busy machine a HGET may take 20 ms."""
    calls = store.slowlog_get(LISTED_MAX)
    store.slowlog_reset()
    counts = Counter(one["command"].split()[0].decode() for one in calls)
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.letters", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="letters")
    options = parser.parse_args()
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with tempfile.TemporaryDirectory() as folder:
        server = valkey(port, Path(folder), fsync="everysec")
        try:
            wait_until(lambda: store_answers(url))
            with redis.Redis.from_url(url) as store:
                for name, found in figures(store, options.count):
                    print(f"{name:44} {found}", flush=True)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
