"""Stands before a pretend partner: shut, connections are refused; slow, answers never end."""

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.processes import free_port

PIECE_BYTES = 65_536
TRICKLE_S = 0.3
TOLD_WITHIN_S = 10.0


class Gate:
    """Hands bytes on in both directions; open until it is told otherwise."""

    def __init__(self, target: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._target = urlsplit(target).port
        self._trickles = False
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._began = threading.Event()

    def serve(self) -> None:
        """Return when it has been told to stop."""
        asyncio.run(self._serve())

    def open(self) -> None:
        """Answers come as the partner gives them."""
        self._trickles = False
        self._tell(self._open())

    def trickle(self) -> None:
        """Answers come one byte at a time, more slowly than anybody waits for their end."""
        self._trickles = True

    def shut(self) -> None:
        """Refuse connections, and end those that are there."""
        self._tell(self._shut())

    def stop(self) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._ends.set)

    def _tell(self, what: Coroutine[object, object, None]) -> None:
        self._began.wait(TOLD_WITHIN_S)
        asyncio.run_coroutine_threadsafe(what, self._loop).result(TOLD_WITHIN_S)

    async def _serve(self) -> None:
        self._loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        self._began.set()
        await self._ends.wait()

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        links = tuple(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = asyncio.ensure_future(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            beyond_reader, beyond = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(
                    self._hand_on(reader, beyond), self._hand_back(beyond_reader, writer)
                )
            finally:
                await _closed(beyond)
        except OSError:
            """Either side may end at any moment."""
        finally:
            await _closed(writer)

    async def _hand_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _hand_back(self, reader: StreamReader, writer: StreamWriter) -> None:
        while piece := await reader.read(1 if self._trickles else PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
            if self._trickles:
                await asyncio.sleep(TRICKLE_S)
        writer.close()


@contextmanager
def gate(target: str) -> Iterator[Gate]:
    """An open gate before the partner at that address."""
    made = Gate(target)
    thread = threading.Thread(target=made.serve, name="gate", daemon=True)
    thread.start()
    made.open()
    try:
        yield made
    finally:
        made.stop()
        thread.join()


async def _closed(writer: StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
