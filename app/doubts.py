"""The unconfirmed dead letters of a destination: usage of which nobody can tell its fate."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.dead_letters import DeadLetters, Filter


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unconfirmed dead letter: its event's JSON, and when it was buried (ms)."""

    event: bytes
    buried_at: int


def doubts(letters: DeadLetters) -> Iterator[Doubt]:
    """All that are buried from beginning to end of the reading, each once, the oldest first."""
    for one in letters.opened(Filter(reason="unconfirmed"), letters.end()):
        yield Doubt(one.delivery.event, one.letter.buried_at)
