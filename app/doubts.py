"""The unconfirmed dead letters of a destination: usage of which nobody can tell its fate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import redis

from app.dead_letters import decode
from app.delivery import decode as decode_delivery
from app.keys import destination_key

PAGE = 500


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unconfirmed dead letter: its event's JSON, and when it was buried (ms)."""

    event: bytes
    buried_at: int


def doubts(store: redis.Redis, destination: str) -> Iterator[Doubt]:
    """All that are buried from beginning to end of the reading, each once, in no order."""
    dead, deliveries = (destination_key(destination, key) for key in ("dead", "dead:deliveries"))
    seen: set[bytes] = set()  # HSCAN may give a letter again
    letters = cast("Iterator[tuple[bytes, bytes]]", store.hscan_iter(dead, count=PAGE))
    for key, packed in letters:
        letter = decode(packed)
        if letter.reason != "unconfirmed" or key in seen:
            continue
        seen.add(key)
        if (delivery := cast("bytes | None", store.hget(deliveries, key))) is not None:
            yield Doubt(decode_delivery(delivery).event, letter.buried_at)
