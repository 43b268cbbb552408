"""What a pump says of the deliveries that it buried: a flood that fails alike is two lines."""

from collections import Counter
from collections.abc import Sequence

import structlog

from app import dead_letters
from app.moves import Settlement

logger = structlog.get_logger("pump")


class Burials:
    """Tells the first of each group at once, and the others by their number in the end."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._counts: Counter[str] = Counter()

    def tell(self, settled: Sequence[Settlement]) -> None:
        for one in settled:
            if one.verb != "bury":
                continue
            group = dead_letters.decode(one.letter).group
            self._counts[group] += 1
            if self._counts[group] == 1:
                logger.warning(
                    "delivery.buried",
                    destination=self._destination,
                    message_id=one.head.delivery.id,
                    group=group,
                    why=one.why,
                )

    def finish(self) -> None:
        for group, count in self._counts.items():
            if count > 1:
                logger.warning(
                    "deliveries.buried",
                    destination=self._destination,
                    group=group,
                    count=count - 1,
                )
