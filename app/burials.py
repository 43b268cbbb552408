"""What a pump says of the deliveries that it buried: a flood that fails alike is two lines."""

from collections import Counter
from collections.abc import Sequence

import structlog

from app import dead_letters
from app.dead_letters import Letter
from app.fingerprint import without_names
from app.moves import Recorded, Settlement

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
            letter = dead_letters.decode(one.letter)
            self._counts[letter.group] += 1
            if self._counts[letter.group] == 1:
                logger.warning(
                    "delivery.buried",
                    destination=self._destination,
                    message_id=one.head.delivery.id,
                    group=letter.group,
                    reason=letter.reason,
                    why=_why(letter),
                )

    def news(self, recorded: Recorded) -> None:
        """Tell the groups that are new to all pumps; the store bounds how many are."""
        for packed in recorded.opened:
            letter = dead_letters.decode(packed)
            logger.warning(
                "group.opened",
                destination=self._destination,
                group=letter.group,
                reason=letter.reason,
                status=letter.status,
                why=_why(letter),
            )
        if recorded.flooded:
            logger.warning("groups.flooded", destination=self._destination)

    def finish(self) -> None:
        for group, count in self._counts.items():
            if count > 1:
                logger.warning(
                    "deliveries.buried",
                    destination=self._destination,
                    group=group,
                    count=count - 1,
                )


def _why(letter: Letter) -> str:
    """What a bug says may quote the event, so that only its type is told."""
    if letter.reason == "untransformable":
        return letter.message.partition(":")[0]
    return without_names(letter.message)
