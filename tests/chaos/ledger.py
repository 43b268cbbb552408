"""What the source knows against what the relay and the destination have. Pure."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Books:
    """Message ids by where they are when all is over.

    `billed` is as the destination lists it; `unaccounted` is what the store's own ledger lacks,
    `swept` how many partitions nobody would have woken.
    """

    confirmed: Set[str]
    billed: Sequence[str]
    waiting: Set[str] = frozenset()
    retrying: Set[str] = frozenset()
    dead: Set[str] = frozenset()
    unaccounted: int = 0
    swept: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong; empty sets and zeros when nothing is."""

    lost: frozenset[str]
    stuck: frozenset[str]
    billed_twice: frozenset[str]
    unaccounted: int
    swept: int

    @property
    def good(self) -> bool:
        return not any((self.lost, self.stuck, self.billed_twice, self.unaccounted, self.swept))

    def __str__(self) -> str:
        more = {"unaccounted": self.unaccounted, "swept": self.swept}
        return (
            f"chaos: lost {len(self.lost)}, stuck {len(self.stuck)}, "
            f"billed twice {len(self.billed_twice)}"
            + "".join(f", {name} {count}" for name, count in more.items() if count)
        )


def verdict(books: Books) -> Verdict:
    """Compare the books.

    Lost is what was confirmed and is nowhere, stuck what has not moved on. What was never
    confirmed may be anywhere, but once.
    """
    stuck = books.waiting | books.retrying
    return Verdict(
        lost=frozenset(books.confirmed - set(books.billed) - stuck - books.dead),
        stuck=frozenset(stuck),
        billed_twice=frozenset(id_ for id_, n in Counter(books.billed).items() if n > 1),
        unaccounted=books.unaccounted,
        swept=books.swept,
    )
