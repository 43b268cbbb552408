"""The sandbox's Kable as a measurement sees it: what it has billed, and when that came."""

from datetime import datetime

import msgspec
import requests

from bench.events import index_of


class Usage(msgspec.Struct, frozen=True):
    """How many transactions were billed, and how many came again."""

    count: int
    duplicates: int


class Received(msgspec.Struct, frozen=True):
    """A request that came."""

    at: datetime
    body: str


class Record(msgspec.Struct, frozen=True):
    """What `_received` answers."""

    requests: list[Received]


class Transaction(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a usage event that names the event behind it."""

    transaction_id: str


class Partner:
    """The sandbox at an address."""

    def __init__(self, address: str) -> None:
        self.address = f"{address}/kable"
        self._session = requests.Session()
        self._session.trust_env = False

    def forget(self) -> None:
        self._session.delete(f"{self.address}/_state", timeout=10).raise_for_status()

    def usage(self) -> Usage:
        return msgspec.json.decode(self._read("_usage?limit=0"), type=Usage)

    def last_at(self) -> float:
        """When the newest request came (s since the epoch)."""
        record = msgspec.json.decode(self._read("_received?limit=1"), type=Record)
        return record.requests[-1].at.timestamp()

    def arrivals(self) -> dict[int, float]:
        """When each event came first (s since the epoch), by its index; of 10,000 requests."""
        record = msgspec.json.decode(self._read("_received"), type=Record)
        arrivals: dict[int, float] = {}
        for request in record.requests:
            for one in msgspec.json.decode(request.body, type=list[Transaction]):
                arrivals.setdefault(index_of(one.transaction_id), request.at.timestamp())
        return arrivals

    def _read(self, path: str) -> bytes:
        answer = self._session.get(f"{self.address}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.content
