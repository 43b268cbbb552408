"""How many letters of a group were buried lately, hour by hour."""

from collections.abc import Sequence
from typing import cast

import redis

from app.keys import destination_key

HOURS = 24
HOUR_US = 3_600 * 1_000_000
GROUPS_MAX = 50


def trends(
    store: redis.Redis, destination: str, groups: Sequence[str], now: int
) -> dict[str, tuple[int, ...]]:
    """Of the first 50 of these groups: how many were buried in each of the last 24 hours.

    The oldest hour comes first; `now` is in ms since the epoch. The store counts each hour in
    logarithmic time, however many letters there are.
    """
    shown = groups[:GROUPS_MAX]
    begin = now * 1_000 - HOURS * HOUR_US
    pipe = store.pipeline(transaction=False)
    for group in shown:
        for hour in range(HOURS):
            first = begin + hour * HOUR_US
            members = destination_key(destination, "dead:group:") + group
            pipe.zcount(members, f"({first}", first + HOUR_US)
    counts = cast("list[int]", pipe.execute())
    rows = (tuple(counts[n : n + HOURS]) for n in range(0, len(counts), HOURS))
    return dict(zip(shown, rows, strict=True))
