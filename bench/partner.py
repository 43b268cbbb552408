"""The sandbox's Kable and Kana as a measurement sees them: what they billed, and when it came."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import requests

from bench.events import index_of


class Usage(msgspec.Struct, frozen=True):
    """How many events were billed, and how many came again, where that shows."""

    count: int
    duplicates: int = 0


class Received(msgspec.Struct, frozen=True):
    """A request that came."""

    at: datetime
    body: str


class Record(msgspec.Struct, frozen=True):
    """What `_received` answers."""

    requests: list[Received]


class Recorded(msgspec.Struct, frozen=True):
    """Usage at Kana, which tells by what it adds which event it was."""

    delta: int
    at: datetime


class Usages(msgspec.Struct, frozen=True):
    """What Kana's `_usage` answers."""

    items: list[Recorded]


class Transaction(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a usage event that names the event behind it."""

    transaction_id: str


class Partner:
    """A partner of the sandbox at an address."""

    name = "kable"

    def __init__(self, sandbox: str) -> None:
        self.address = f"{sandbox}/{self.name}"
        self._session = requests.Session()
        self._session.trust_env = False

    def misbehave(self, how: Mapping[str, object]) -> None:
        """As `_answers` of the sandbox takes it."""
        answer = self._session.post(f"{self.address}/_answers", json=how, timeout=10)
        answer.raise_for_status()

    def behave(self) -> None:
        self._session.delete(f"{self.address}/_answers", timeout=10).raise_for_status()

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


class KanaPartner(Partner):
    """The sandbox's Kana."""

    name = "kana"

    def arrivals(self) -> dict[int, float]:
        usages = msgspec.json.decode(self._read("_usage"), type=Usages)
        return {usage.delta - 1: usage.at.timestamp() for usage in usages.items}
