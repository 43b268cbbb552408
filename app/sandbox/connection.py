"""What ASGI cannot say: break the connection that a request came on."""

import asyncio
import socket
import struct

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "sandbox"
AT_ONCE = struct.pack("ii", 1, 0)


class RevealingProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which shows the application the transport of its request."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"transport": self.transport}}


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection with a TCP RST, as a crashed partner or a firewall does."""
    transport = transport_of(scope)
    # Lingering for no time is what turns the close into a RST: without it the kernel sends a FIN,
    # which clients read as "closed before it answered" and some of them repeat silently.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    transport.abort()
    await gone(receive)


async def close(scope: Scope, receive: Receive) -> None:
    """End the connection without an answer, in the ordinary way (FIN)."""
    transport_of(scope).close()
    await gone(receive)


async def linger(receive: Receive, over: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the time to pass (None: no limit) or the event; whether the client is still there.

    Returns at once when the client leaves. The request's body must have been received before.
    """
    left, ended = asyncio.ensure_future(gone(receive)), asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait({left, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return not left.done()
    finally:
        left.cancel()
        ended.cancel()


async def gone(receive: Receive) -> None:
    """Wait until uvicorn has noticed the end: an application that returns earlier gets a 500."""
    while (await receive())["type"] != "http.disconnect":
        pass


def transport_of(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][EXTENSION]["transport"]
    return transport
