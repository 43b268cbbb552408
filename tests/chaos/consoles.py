"""What open consoles cost the pumps: `python -m tests.chaos.consoles`.

A backlog drains with none open and with ten, in turn. They do what a browser does: load the page,
connect its socket, and take what the console sends from then on.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from threading import Thread
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import aiohttp
import requests

from app.append import Admission
from app.clock import milliseconds
from app.dev import parts
from app.log import Log
from app.store import connect
from app.throttle import Throttle
from app.wake import Wakes
from tests.chaos.plant import Plant, started
from tests.processes import http_answers, wait_until

APPENDED_AT_ONCE = 1_000
WITHIN_S = 120.0
PAGES = ("/", "/dead-letters", "/retries", "/replays")
WORK_MAX = 1.1
SHARE_MIN = 0.9

_CLIENT = re.compile(r"[\"']client_id[\"']: ?[\"']([^\"']+)[\"']")


@dataclass(frozen=True, slots=True)
class Drained:
    """One backlog: events a second, ms of a core that pumps and store took for a thousand of them,

    and how many cores the console took meanwhile.
    """

    rate: float
    ms_a_thousand: float
    console: float


@dataclass(slots=True)
class Heard:
    """What the open consoles were sent."""

    frames: int = 0
    pages: list[str] = field(default_factory=list)


def main() -> int:
    chosen = _options()
    runs: dict[int, list[Drained]] = {0: [], chosen.consoles: []}
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as plant:
        for number in range(chosen.rounds):
            for consoles in sorted(runs, reverse=number % 2 == 1):
                with _open(plant.console_url, consoles) as heard:
                    one = _drained(plant, chosen.events, f"{number}-{consoles}")
                runs[consoles].append(one)
                _show(consoles, one, heard)
    return _judged(runs[0], runs[chosen.consoles])


def _show(consoles: int, one: Drained, heard: Heard) -> None:
    work = f"{one.ms_a_thousand:.0f} ms of a core for a thousand"
    rest = f"the console {one.console:.2f} cores, {heard.frames} frames"
    print(f"{consoles:3} consoles: {one.rate:.0f} events/s, {work}, {rest}", flush=True)


def _judged(alone: Sequence[Drained], beside: Sequence[Drained]) -> int:
    rates = [one.rate for one in alone]
    share = median(one.rate for one in beside) / median(rates)
    work = median(one.ms_a_thousand for one in beside)
    work /= median(one.ms_a_thousand for one in alone)
    spread = min(rates) / max(rates)
    print(f"with consoles open {share:.2f} of the throughput, {work:.2f} of the work an event")
    print(f"without any the slowest run was {spread:.2f} of the fastest")
    return 0 if work <= WORK_MAX and share >= min(SHARE_MIN, spread) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.consoles", description=__doc__)
    parser.add_argument("--consoles", type=int, default=10)
    parser.add_argument("--events", type=int, default=100_000, help="in the backlog")
    parser.add_argument("--rounds", type=int, default=5, help="of each")
    return parser.parse_args()


@contextmanager
def _running(folder: Path) -> Iterator[Plant]:
    plant = Plant(folder, workers=1, system=partial(parts, own_store=True))
    began = milliseconds()
    with started(
        plant, lambda: plant.flows(began) and http_answers(f"{plant.console_url}/healthz")
    ):
        yield plant


def _drained(plant: Plant, events: int, label: str) -> Drained:
    """The nine tenths of a backlog that go after the first one."""
    account = plant.settings.destinations["kable"]
    with connect(plant.store_url) as store:
        log, throttle = Log(store, account), Throttle(store, account)
        requests.delete(f"{plant.sandbox_url}/kable/_state", timeout=60).raise_for_status()
        throttle.pause("operator", "a backlog is made")
        wait_until(lambda: log.census().pumps == 0)
        before = log.census().delivered
        for first in range(0, events, APPENDED_AT_ONCE):
            log.append([_admission(f"{label}-{first + n}") for n in range(APPENDED_AT_ONCE)])
        throttle.resume()
        Wakes(plant.store_url).send(account.id, account.queue)
        began = _reached(log, before + events // 10)
        moved, shown = _seconds(plant, "worker-1", "store"), _seconds(plant, "console")
        took = _reached(log, before + events) - began
        return Drained(
            events * 0.9 / took,
            (_seconds(plant, "worker-1", "store") - moved) * 1_000_000 / (events * 0.9),
            (_seconds(plant, "console") - shown) / took,
        )


def _seconds(plant: Plant, *names: str) -> float:
    """How long these parts and what they forked had a core since they began."""
    parts_of = [plant.kept[name] for name in names]
    pids = [pid for kept in parts_of for pid in (kept.pid, *kept.children())]
    told = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(words[11]) + int(words[12]) for words in told) / os.sysconf("SC_CLK_TCK")


def _reached(log: Log, delivered: int) -> float:
    wait_until(lambda: log.census().delivered >= delivered, within=WITHIN_S)
    return time.perf_counter()


def _admission(number: str) -> Admission:
    event = {
        "type": "track",
        "event": "Call",
        "messageId": number,
        "userId": f"u-{number}",
        "timestamp": "2026-05-06T07:08:09.123Z",
        "properties": {"delta": 1},
    }
    return Admission(number, "dev", f"u-{number}", json.dumps(event).encode())


@contextmanager
def _open(console: str, number: int) -> Iterator[Heard]:
    """So many consoles, until this ends."""
    heard, over = Heard(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_until_complete, args=(_all(console, number, heard, over),))
    thread.start()
    try:
        wait_until(lambda: len(heard.pages) == number)
        yield heard
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


async def _all(console: str, number: int, heard: Heard, over: asyncio.Event) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        await session.post(f"{console}/login", data={"token": "dev"})
        paths = (PAGES[n % len(PAGES)] for n in range(number))
        viewers = [asyncio.create_task(_view(session, console, one, heard)) for one in paths]
        await over.wait()
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)


async def _view(session: aiohttp.ClientSession, console: str, path: str, heard: Heard) -> None:
    """One page: what its script does when a browser has loaded it."""
    async with session.get(console + path) as answer:
        found = _CLIENT.search(await answer.text())
    assert found, f"{path} names no client"
    asked = {
        "EIO": "4",
        "transport": "websocket",
        "client_id": found[1],
        "tab_id": str(uuid4()),
        "document_id": str(uuid4()),
        "next_message_id": "0",
        "implicit_handshake": "true",
    }
    url = f"ws://{urlsplit(console).netloc}/_nicegui_ws/socket.io/?{urlencode(asked)}"
    async with session.ws_connect(url, origin=console) as socket:
        await socket.receive()
        await socket.send_str("40")
        accepted = await socket.receive()
        assert accepted.data.startswith("40"), accepted
        heard.pages.append(path)
        async for frame in socket:
            if frame.data == "2":
                await socket.send_str("3")
            heard.frames += 1


if __name__ == "__main__":
    sys.exit(main())
