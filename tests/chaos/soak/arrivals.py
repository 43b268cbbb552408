"""When and in which order events came to the pretend partners, and how long they took."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles
from typing import Any

import requests

PROBES = {"kable": "/authenticate", "kana": "listFeatures"}

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pace:
    """Events a second, and how long they took (ms)."""

    rate: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, sent_at: Mapping[str, float], came_at: Mapping[str, float]) -> "Pace":
        """Of what was sent at these moments (s) and came."""
        both = sent_at.keys() & came_at.keys()
        cuts = quantiles([came_at[id_] - sent_at[id_] for id_ in both], n=100)
        took = max(came_at[id_] for id_ in both) - min(sent_at[id_] for id_ in both)
        return cls(len(both) / took, cuts[49] * 1000, cuts[98] * 1000)


def received(sandbox_url: str, partner: str) -> list[Request]:
    """The newest 10,000 requests, oldest first."""
    answer = requests.get(f"{sandbox_url}/{partner}/_received", timeout=60)
    answer.raise_for_status()
    found: list[Request] = answer.json()["requests"]
    return found


def is_probe(partner: str, request: Request) -> bool:
    return PROBES[partner] in request["path"] + request["body"]


def moment(request: Request) -> float:
    """When it came (s since the epoch)."""
    return datetime.fromisoformat(request["at"]).timestamp()


def events(partner: str, request: Request) -> list[tuple[str, str]]:
    """User and message id of each usage in a request."""
    if is_probe(partner, request):
        return []
    body = json.loads(request["body"])
    if partner == "kable":
        return [(item["clientId"], item["transactionId"]) for item in body]
    usage = body["variables"].get("input", {})
    return [(usage["userId"], str(usage["delta"]))] if "delta" in usage else []


def came_at(partner: str, requests_: Iterable[Request]) -> dict[str, float]:
    """When each event came first."""
    first: dict[str, float] = {}
    for request in requests_:
        for _, message_id in events(partner, request):
            first.setdefault(message_id, moment(request))
    return first


def out_of_order(partner: str, requests_: Iterable[Request]) -> Iterator[str]:
    """Message ids that came first after a later one of their user; they grow with each event."""
    last: defaultdict[str, int] = defaultdict(int)
    seen: set[str] = set()
    for request in requests_:
        for user, message_id in events(partner, request):
            if message_id in seen:
                continue
            seen.add(message_id)
            if int(message_id) < last[user]:
                yield message_id
            last[user] = max(last[user], int(message_id))


def excess(moments: Sequence[float], rate: float) -> float:
    """How many more than `rate` times its length came in the worst window of any length."""
    worst, lowest = 0.0, float("inf")
    for number, at in enumerate(sorted(moments)):
        lowest = min(lowest, number - rate * at)
        worst = max(worst, number + 1 - rate * at - lowest)
    return worst
