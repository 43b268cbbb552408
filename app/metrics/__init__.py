"""What Prometheus scrapes: one page for the whole fleet, read from the store.

No process keeps a count for it, so that any console process gives the same page.
"""

from collections.abc import Iterator, Sequence

import redis
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from app.metrics import deliveries, flow, ingest, installation, work
from app.metrics.fleet import Fleet, fleet
from app.metrics.measure import Measure, Timing
from app.settings import Settings

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

MEASURES: Sequence[Measure | Timing] = (
    *ingest.MEASURES,
    *deliveries.MEASURES,
    *flow.MEASURES,
    *work.MEASURES,
    *installation.MEASURES,
)

__all__ = ["CONTENT_TYPE", "MEASURES", "exposition"]


def exposition(store: redis.Redis, settings: Settings, now: int) -> bytes:
    """The page in Prometheus' text format; `now` is in ms since the epoch.

    It is whole or there is none: raises redis.RedisError when the store does not answer all of it.
    """
    return generate_latest(_Page(fleet(store, settings, now)))


class _Page:
    """What prometheus-client asks for its families."""

    def __init__(self, found: Fleet) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        for measure in MEASURES:
            yield measure.family(self._found)
