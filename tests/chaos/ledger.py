"""What the source knows against what the relay and a destination have. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Books:
    """Message ids of one destination by where they are when all is over.

    `unconfirmed` was sent and not answered 200. `billed` is as the destination lists it, `applied`
    what it took and does not bill. `dead` has the reason of each letter. `once` tells that it
    would bill again what is sent again. `unaccounted` is what the store's own ledger lacks,
    `swept` how many partitions nobody would have woken, `duplicates` how many repeats the
    destination has discarded.
    """

    confirmed: Set[str]
    billed: Sequence[str]
    unconfirmed: Set[str] = frozenset()
    applied: Set[str] = frozenset()
    waiting: Set[str] = frozenset()
    retrying: Set[str] = frozenset()
    unmapped: Set[str] = frozenset()
    dead: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    unaccounted: int = 0
    swept: int = 0
    duplicates: int = 0

    @property
    def doubtful(self) -> Set[str]:
        """What nobody can tell of whether it was billed."""
        return {id_ for id_, reason in self.dead.items() if reason == "unconfirmed"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong; empty sets and zeros when nothing is."""

    lost: frozenset[str]
    stuck: frozenset[str]
    billed_twice: frozenset[str]
    contradicted: frozenset[str] = frozenset()
    strange: frozenset[str] = frozenset()
    unaccounted: int = 0
    swept: int = 0

    @property
    def good(self) -> bool:
        return self == Verdict(frozenset(), frozenset(), frozenset())


def verdict(books: Books) -> Verdict:
    """Compare the books.

    Lost is what was confirmed and is nowhere, stuck what has not moved on, contradicted what was
    billed and yet lies where an operator may send it again without a doubt, strange what was
    billed and never sent, as a repeat under another id would be. What was never confirmed may be
    anywhere, but once.
    """
    billed = Counter(books.billed)
    stuck = books.waiting | books.retrying
    unbilled = books.unmapped | (books.dead.keys() - books.doubtful)
    return Verdict(
        lost=frozenset(
            books.confirmed - billed.keys() - books.applied - stuck - unbilled - books.doubtful
        ),
        stuck=frozenset(stuck),
        billed_twice=frozenset(id_ for id_, n in billed.items() if n > 1),
        contradicted=frozenset(billed.keys() & unbilled if books.once else ()),
        strange=frozenset(billed.keys() - books.confirmed - books.unconfirmed),
        unaccounted=books.unaccounted,
        swept=books.swept,
    )


def summary(verdicts: Iterable[Verdict]) -> str:
    """The last line of a run."""
    known = tuple(verdicts)
    lost, stuck = sum(len(v.lost) for v in known), sum(len(v.stuck) for v in known)
    more = {
        "contradicted": sum(len(v.contradicted) for v in known),
        "strange": sum(len(v.strange) for v in known),
        "unaccounted": sum(abs(v.unaccounted) for v in known),
        "swept": sum(v.swept for v in known),
    }
    return (
        f"chaos: lost {lost}, stuck {stuck}, "
        f"billed twice {sum(len(v.billed_twice) for v in known)}"
        + "".join(f", {name} {count}" for name, count in more.items() if count)
    )
