"""A request as ingest sees it: ASGI's scope, its headers under their names, its body on demand."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

READ_AND_LET_GO = 4  # times what is taken

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientLeftError(Exception):
    """The client closed its connection before the request was complete."""


class TooLargeError(Exception):
    """The body has more bytes than are taken, as sent or inflated."""


class Request(NamedTuple):
    """A tuple, since the usual request has one made. ASGI gives headers in lower case."""

    scope: Scope
    headers: Mapping[bytes, bytes]
    receive: Receive

    @property
    def path(self) -> str:
        """The path without the slash that it may end in."""
        return str(self.scope["path"]).removesuffix("/")

    @property
    def authorization(self) -> bytes:
        return self.headers.get(b"authorization", b"")

    def all(self, name: bytes) -> bytes:
        """Every value of a header, between commas: proxies may each add a line of their own."""
        return b",".join(value for header, value in self.scope["headers"] if header == name)


async def read(receive: Receive, bytes_max: int) -> bytes:
    """The body as sent. Raises TooLargeError.

    What is beyond the maximum is read and let go, within a bound: a client that is cut off while
    it sends sees a reset instead of the answer, and sends it all again.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= READ_AND_LET_GO * bytes_max:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        chunk = message.get("body", b"")
        size += len(chunk)
        chunks.append(chunk)
        if size > bytes_max:
            chunks.clear()
        more = message.get("more_body", False)
    if size > bytes_max:
        raise TooLargeError
    return b"".join(chunks)
