"""The load generator, a process of its own: prebuilt requests over plain keep-alive sockets.

`python -m bench.load PLAN` sends what the plan says and prints what it came to, both as JSON. It
costs a request a few microseconds, so that what is measured is the server.
"""

import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence

import msgspec

from bench.events import requests

CONNECTIONS = 64
PATIENCE_S = 30.0
RECEIVED_BYTES = 65_536
STATUS = b"HTTP/1.1 "
SUCCESS = STATUS + b"200"
BODY = b'{"success": true}'


class Plan(msgspec.Struct, frozen=True):
    """What to send; with a `rate` (requests a second) an open loop, else as fast as answered."""

    port: int
    label: str
    events: int
    batch: int = 1
    rate: float | None = None
    kana: bool = False


class Sent(msgspec.Struct, frozen=True):
    """When it began and when all was answered (s since the epoch), and the CPU seconds used.

    In an open loop request `i` was due `i / rate` seconds after the beginning.
    """

    began: float
    ended: float
    cpu: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class RefusedError(Exception):
    """An answer was not 200, or none came."""


class Connections:
    """Sockets to one server, and what has come back on them."""

    def __init__(self, port: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self._poll = select.epoll()
        self._by_number = {one.fileno(): one for one in self._sockets}
        self._tails = dict.fromkeys(self._by_number, b"")
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(one, select.EPOLLIN)

    def send(self, index: int, request: bytes) -> None:
        self._sockets[index % CONNECTIONS].sendall(request)

    def answered(self, wait: float = PATIENCE_S) -> Iterator[socket.socket]:
        """For each answer that came its connection; waits up to `wait` s for a piece of one."""
        pieces = self._poll.poll(wait)
        if not pieces and wait == PATIENCE_S:
            raise RefusedError(f"no answer within {PATIENCE_S:g} s")
        for number, _ in pieces:
            one = self._by_number[number]
            came = self._tails[number] + one.recv(RECEIVED_BYTES)
            if not came or came.count(STATUS) != came.count(SUCCESS):
                raise RefusedError(f"expected 200, got: {came.decode(errors='replace')[:500]}")
            *answers, self._tails[number] = came.split(BODY)
            for _ in answers:
                yield one


def closed(connections: Connections, sent: Sequence[bytes]) -> None:
    """Each connection sends its next request when its last one is answered."""
    left = iter(sent)
    for index, request in zip(range(CONNECTIONS), left, strict=False):
        connections.send(index, request)
    missing = len(sent)
    while missing:
        for connection in connections.answered():
            missing -= 1
            if request := next(left, b""):
                connection.sendall(request)


def opened(connections: Connections, sent: Sequence[bytes], rate: float) -> None:
    """Each request goes out when it is due, whether or not the ones before are answered."""
    began, missing, index = time.monotonic(), len(sent), 0
    while missing:
        if index < len(sent):
            time.sleep(max(0.0, began + index / rate - time.monotonic()))
        while index < len(sent) and began + index / rate <= time.monotonic():
            connections.send(index, sent[index])
            index += 1
        wait = 0.0 if index < len(sent) else PATIENCE_S
        missing -= sum(1 for _ in connections.answered(wait))


def main() -> None:
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    sent = list(requests(plan.label, plan.events, plan.batch, kana=plan.kana))
    connections = Connections(plan.port)
    cpu, began = time.process_time(), time.time()
    if plan.rate is None:
        closed(connections, sent)
    else:
        opened(connections, sent, plan.rate)
    result = Sent(began, time.time(), time.process_time() - cpu)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
