"""What came of each source's events, for the operator: counts, and samples of what was refused.

Written along, a second behind: a process that is killed takes its last second of counts with it.
The ledger of what was accepted does not depend on them. Each event that a source sends is counted
once: as `accepted`, `deduplicated` (all its destinations had it), `unrouted` or `refused:CODE`;
a batch without events counts as one that is refused.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
import redis
import redis.asyncio
import structlog
from redis.asyncio.client import Pipeline

from app.faults import named
from app.keys import SourceKeys

SAMPLES_MAX = 10
REFUSED = "refused:"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the events of one source; `refused` counts them by code, in its order."""

    accepted: int
    deduplicated: int
    unrouted: int
    refused: Mapping[str, int]


def tally(store: redis.Redis, source: str) -> Tally:
    """What is counted for a source so far; nothing for one that has sent nothing."""
    found = cast("dict[bytes, bytes]", store.hgetall(SourceKeys(source).counts))
    counts = {name.decode(): int(count) for name, count in sorted(found.items())}
    return Tally(
        counts.get("accepted", 0),
        counts.get("deduplicated", 0),
        counts.get("unrouted", 0),
        {
            name.removeprefix(REFUSED): count
            for name, count in counts.items()
            if name.startswith(REFUSED)
        },
    )


def samples(store: redis.Redis, source: str, code: str) -> list[bytes]:
    """What was refused under a code, as JSON; the newest first, at most ten."""
    return cast("list[bytes]", store.lrange(SourceKeys(source).refused(code), 0, -1))


class Counters:
    """Counts in memory and, with `flush`, in the store."""

    def __init__(self, store: redis.asyncio.Redis) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str]] = Counter()
        self._samples: dict[tuple[str, str], deque[bytes]] = {}

    def count(self, source: str, name: str, by: int = 1) -> None:
        self._counts[source, name] += by

    def refused(self, source: str, code: str, sample: object, by: int = 1) -> None:
        """Count refusals and keep the sample, a value that JSON can tell, among the newest."""
        self._counts[source, f"{REFUSED}{code}"] += by
        newest = self._samples.setdefault((source, code), deque(maxlen=SAMPLES_MAX))
        newest.append(msgspec.json.encode(sample))

    async def flush(self) -> None:
        """Add what was counted to the store; what it does not take is kept for the next time.

        Where its answer got lost some is counted twice, which no decision depends on.
        """
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        samples, self._samples = self._samples, {}
        try:
            async with self._store.pipeline(transaction=False) as pipe:
                _write(pipe, counts, samples)
                await pipe.execute()
        except redis.RedisError as error:
            _log.info("counters.kept", error=named(error))
            self._counts.update(counts)
            self._keep(samples)

    def _keep(self, samples: dict[tuple[str, str], deque[bytes]]) -> None:
        for group, older in samples.items():
            older.extend(self._samples.get(group, ()))
            self._samples[group] = older


def _write(
    pipe: Pipeline,
    counts: Counter[tuple[str, str]],
    samples: dict[tuple[str, str], deque[bytes]],
) -> None:
    for (source, name), by in counts.items():
        pipe.hincrby(SourceKeys(source).counts, name, by)
    for (source, code), newest in samples.items():
        key = SourceKeys(source).refused(code)
        pipe.lpush(key, *newest)
        pipe.ltrim(key, 0, SAMPLES_MAX - 1)
