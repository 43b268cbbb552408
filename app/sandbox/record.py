"""What came to a partner, newest kept: bounded in requests and in bytes of bodies."""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import count, islice

import msgspec

from app.sandbox.exchange import Answer, Request

MAX_REQUESTS = 10_000
MAX_BODY_BYTES = 64_000_000
SECRET_HEADERS = frozenset({"kable-client-secret", "x-api-key", "authorization"})
SHOWN_OF_A_SECRET = 7


class Received(msgspec.Struct, frozen=True):
    """A request, the status of its answer (None while, or since, it got none), and its sense."""

    request: Request
    status: int | None = None
    refused: bool = False


class Record:
    """The newest requests. Their secrets are masked before they are kept."""

    def __init__(
        self, max_requests: int = MAX_REQUESTS, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._max_requests, self._max_body_bytes = max_requests, max_body_bytes
        self._numbers = count()
        self.clear()

    def clear(self) -> None:
        self._received: OrderedDict[int, Received] = OrderedDict()
        self._body_bytes = 0
        self.requests = self.refused = 0

    def arrived(self, request: Request) -> int:
        """Keep the request; the number by which `answered` knows it."""
        number = next(self._numbers)
        shown = msgspec.structs.replace(request, headers=masked(request.headers))
        self._received[number] = Received(shown)
        self._body_bytes += len(request.body)
        self.requests += 1
        self._forget_oldest()
        return number

    def answered(self, number: int, answer: Answer) -> None:
        """Note the status; a request that the record no longer holds stays forgotten."""
        if (received := self._received.get(number)) is None:
            return
        self._received[number] = Received(received.request, answer.status, answer.refuses)
        self.refused += answer.refuses

    def newest(self, limit: int | None = None) -> list[Received]:
        """At most so many (None: all that are kept), oldest first."""
        return list(islice(reversed(self._received.values()), limit))[::-1]

    def _forget_oldest(self) -> None:
        while len(self._received) > self._max_requests or self._body_bytes > self._max_body_bytes:
            _, oldest = self._received.popitem(last=False)
            self._body_bytes -= len(oldest.request.body)


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: mask(value) if name in SECRET_HEADERS else value for name, value in headers.items()
    }


def mask(secret: str) -> str:
    """Keep the start of a secret that tells its kind, never more than half of it."""
    return secret[: min(SHOWN_OF_A_SECRET, len(secret) // 2)] + "***"
