"""Takes Segment's events over HTTP: a bare ASGI callable, since a framework halves its speed.

200 means that the store has confirmed the events for every destination of their source.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import redis
import redis.asyncio
import structlog

from app import reports, telemetry
from app.append import Appended, AsyncLog
from app.counters import Counters
from app.destination import Destination
from app.destinations import ACCOUNTS, KINDS
from app.faults import named
from app.ingest import answers
from app.ingest.answers import Answer
from app.ingest.cors import shared_with
from app.ingest.endpoints import Endpoints, Paths
from app.ingest.group_commit import Admissions, GroupCommit
from app.ingest.request import ClientLeftError, Receive, Request, Scope, Send
from app.ingest.routing import Sources
from app.keys import SourceKeys
from app.settings import Settings, load_or_exit
from app.store import connect_async
from app.wake import Wakes

FLUSH_EVERY_S = 1.0
OPEN_AGAIN_S = 0.5
SAY_AGAIN_S = 30.0
STORE_ANSWERS_WITHIN_S = 2.0

_log = structlog.get_logger(__name__)


def application() -> reports.Application:
    """What `uvicorn --factory app.ingest:application` serves, set up as relay.toml says."""
    settings = load_or_exit(ACCOUNTS)
    telemetry.configure(settings)
    store = connect_async(settings.store_url.get_secret_value())
    wakes = Wakes(settings.broker_url.get_secret_value())
    return reports.watched(Ingest(settings, KINDS, store, wakes.send), settings)


class Ingest:
    """The ASGI application. `wake` (destination, queue) may block; it is called in a thread."""

    def __init__(
        self,
        settings: Settings,
        kinds: Mapping[str, Destination[Any]],
        store: redis.asyncio.Redis,
        wake: Callable[[str, str], object],
    ) -> None:
        self._settings = settings
        self._store = store
        self._wake = wake
        self._delivery_log = AsyncLog(store, settings.destinations)
        self._opened = asyncio.Event()
        self._commits = GroupCommit(self._append, self._send_wake, wait=settings.store_wait)
        self._counters = Counters(store)
        sources = Sources.of(settings, kinds)
        endpoints = Endpoints(settings, sources, self._commits, self._counters)
        self.paths = {
            "/healthz": {"GET": _alive},
            "/readyz": {"GET": self._ready},
            **endpoints.paths(),
        }
        self._known = Paths(self.paths)
        self._closing = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._wakes: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, dict(scope["headers"]), receive)
            try:
                answer = await self._answer(request)
            except ClientLeftError:
                return
            origin = request.headers.get(b"origin")
            await send(answer.start if origin is None else shared_with(origin, answer))
            await send(answer.body)

    async def _answer(self, request: Request) -> Answer:
        methods = self._known.find(request.scope["path"])
        if methods is None:
            return answers.NOT_FOUND
        endpoint = methods.get(request.scope["method"])
        if endpoint is None:
            return answers.wrong_method(", ".join(methods))
        try:
            return await endpoint(request)
        except ClientLeftError:
            raise
        except Exception:  # noqa: BLE001 - a plain-text 500 makes some SDKs misbehave
            _log.exception("request.failed", path=request.scope["path"])
            return answers.FAILED

    async def _ready(self, _request: Request) -> Answer:
        if not self._opened.is_set():
            return answers.unavailable("the store has not answered since the start")
        try:
            async with asyncio.timeout(STORE_ANSWERS_WITHIN_S):
                await self._write_nothing()
        except TimeoutError:
            return answers.unavailable(f"no answer of the store in {STORE_ANSWERS_WITHIN_S:g} s")
        except redis.RedisError as error:
            return answers.unavailable(f"the store takes nothing: {error}")
        return answers.SUCCESS

    async def _write_nothing(self) -> None:
        """Only a write shows that the store has memory left and is no replica."""
        async with self._store.pipeline(transaction=False) as pipe:
            pipe.ping()
            for source in list(self._settings.sources)[:1]:
                pipe.hincrby(SourceKeys(source).counts, "accepted", 0)
            await pipe.execute()

    async def _append(self, admissions: Admissions) -> dict[str, Appended]:
        await self._opened.wait()
        return await self._delivery_log.append(admissions)

    def _send_wake(self, destination: str) -> None:
        queue = self._settings.destinations[destination].queue
        wake = asyncio.create_task(asyncio.to_thread(self._wake, destination, queue))
        self._wakes.add(wake)
        wake.add_done_callback(self._woken)

    def _woken(self, wake: asyncio.Task[object]) -> None:
        self._wakes.discard(wake)
        if not wake.cancelled() and (error := wake.exception()):
            _log.warning("wake.failed", error=named(error))  # the tick wakes what is overdue

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        """Start even when the store is away: /readyz says so, and requests wait for it."""
        opening = asyncio.create_task(self._open())
        self._background = {opening, asyncio.create_task(self._flush())}
        await asyncio.wait({opening}, timeout=STORE_ANSWERS_WITHIN_S)

    async def _close(self) -> None:
        await self._commits.close()
        self._closing.set()
        await asyncio.wait(self._wakes | self._background, timeout=STORE_ANSWERS_WITHIN_S)
        await self._store.aclose()

    async def _open(self) -> None:
        seldom = Seldom(SAY_AGAIN_S)
        while not self._closing.is_set():
            try:
                await self._delivery_log.open()
            except redis.RedisError as error:
                if seldom():
                    self._say_missed(error)
                await self._closes_within(OPEN_AGAIN_S)
            else:
                self._opened.set()
                return

    def _say_missed(self, error: redis.RedisError) -> None:
        _log.warning(
            "store.missed",
            store=self._settings.store_address,
            error=named(error),
            advice="start the store, or mend store_url",
        )

    async def _flush(self) -> None:
        """Write the counters along; the last time when ingest closes."""
        while not await self._closes_within(FLUSH_EVERY_S):
            await self._counters.flush()
        await self._counters.flush()

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False


class Seldom:
    """True at the first call, and then once in `every_s` seconds; `clock` tells seconds."""

    def __init__(self, every_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._again_at = -math.inf

    def __call__(self) -> bool:
        now = self._clock()
        due = now >= self._again_at
        if due:
            self._again_at = now + self._every_s
        return due


async def _alive(_request: Request) -> Answer:
    return answers.SUCCESS
