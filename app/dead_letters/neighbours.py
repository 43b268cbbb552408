"""What lies before and after a letter in a list."""

from typing import NamedTuple

from app.dead_letters.filter import Filter
from app.dead_letters.index import Buried
from app.dead_letters.kept import LOOKED_MAX, DeadLetters


class Neighbours(NamedTuple):
    """The next newer and the next older letter that match; None where none was found."""

    newer: Buried | None
    older: Buried | None


def neighbours(letters: DeadLetters, filter_: Filter, at: int) -> Neighbours:
    """Those of the place `at`; each way it looks at a bounded number of letters."""
    older = letters.page(filter_, str(at), 1).items
    return Neighbours(_newer(letters, filter_, at), older[0] if older else None)


def _newer(letters: DeadLetters, filter_: Filter, at: int) -> Buried | None:
    looked = 0
    for look in letters.looks(filter_, after=at):
        if look.found:
            return look.found[0]
        looked += look.looked
        if looked >= LOOKED_MAX:
            return None
    return None
