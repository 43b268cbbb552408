"""What open consoles cost the pumps: `python -m tests.chaos.consoles`.

A backlog drains with none open and with ten, in turn. They do what a browser does: load the page,
connect its socket, and take what the console sends from then on.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
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
MARK = 0.9

_CLIENT = re.compile(r"[\"']client_id[\"']: ?[\"']([^\"']+)[\"']")


@dataclass(slots=True)
class Heard:
    """What the open consoles were sent."""

    frames: int = 0
    pages: list[str] = field(default_factory=list)


def main() -> int:
    chosen = _options()
    rates: dict[int, list[float]] = {0: [], chosen.consoles: []}
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as plant:
        for number in range(chosen.rounds):
            for consoles in sorted(rates, reverse=number % 2 == 1):
                with _open(plant.console_url, consoles) as heard:
                    rate = _drained(plant, chosen.events, f"{number}-{consoles}")
                rates[consoles].append(rate)
                print(f"{consoles:3} consoles {rate:8.0f} events/s, {heard.frames} frames heard")
    alone, beside = (median(rates[consoles]) for consoles in (0, chosen.consoles))
    spread = min(rates[0]) / max(rates[0])
    print(f"{beside / alone:.2f} of the throughput with {chosen.consoles} consoles open;")
    print(f"without any the slowest run was {spread:.2f} of the fastest")
    return 0 if beside / alone >= min(MARK, spread) else 1


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


def _drained(plant: Plant, events: int, label: str) -> float:
    """Events a second of the nine tenths of a backlog that go after the first one."""
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
        return events * 0.9 / (_reached(log, before + events) - began)


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
