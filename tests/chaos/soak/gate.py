"""Stands before a pretend partner: shut, connections are refused; slow, answers never end."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.processes import free_port

PIECE_BYTES = 65_536
TRICKLE_S = 0.3


class Gate:
    """Hands bytes on in both directions; open until it is told otherwise."""

    def __init__(self, target: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._target = urlsplit(target).port
        self._trickles = False
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()

    def serve(self) -> None:
        self._loop.run_forever()

    def open(self) -> None:
        """Answers come as the partner gives them."""
        self._trickles = False
        self._told(self._open())

    def trickle(self) -> None:
        """Answers come one byte at a time, more slowly than anybody waits for their end."""
        self._trickles = True

    def shut(self) -> None:
        """Refuse connections, and end those that are there."""
        self._told(self._shut())

    def stop(self) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _told(self, what: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=10)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._links):
            writer.close()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._links |= {writer, beyond_writer}
        with suppress(OSError):
            await asyncio.gather(
                self._hand_on(reader, beyond_writer), self._hand_back(beyond_reader, writer)
            )
        self._links -= {writer, beyond_writer}

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _hand_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
