"""What the pretend partners show of the events that a source has sent."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import requests

from tests.chaos.load import Event


@dataclass(frozen=True, slots=True)
class Shown:
    """Message ids: `billed` as often as listed, `applied` where nothing is billed.

    `duplicates` is how many more came that the partner itself has discarded.
    """

    billed: Sequence[str]
    applied: Set[str] = frozenset()
    duplicates: int = 0


def kable(sandbox_url: str, _events: Iterable[Event]) -> Shown:
    usage = _read(f"{sandbox_url}/kable/_usage")
    return Shown(
        [item["transactionId"] for item in usage["items"]], frozenset(), usage["duplicates"]
    )


def kana(sandbox_url: str, events: Iterable[Event]) -> Shown:
    """Usage by what it adds, and the identifies up to the one that gave each user its name."""
    users = _read(f"{sandbox_url}/kana/_users")["items"]
    billed = [str(item["delta"]) for item in _read(f"{sandbox_url}/kana/_usage")["items"]]
    return Shown(billed, applied(events, {user["id"]: user["name"] for user in users}))


def applied(events: Iterable[Event], names: Mapping[str, str]) -> frozenset[str]:
    """The identifies that were applied when Kana's users have these names.

    An event's name for its user is its message id, a number that grows with each event of a user.
    """
    return frozenset(
        event["messageId"]
        for event in events
        if event["type"] == "identify"
        and int(event["messageId"]) <= int(names.get(event["userId"], -1))
    )


PARTNERS: Mapping[str, Callable[[str, Iterable[Event]], Shown]] = {"kable": kable, "kana": kana}


def _read(url: str) -> dict[str, Any]:
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
