"""What a pump gets from the log and gives back: leases, heads, and verdicts on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app import settled
from app.append import Layout
from app.delivery import Delivery, decode, encode, logged
from app.health import NO_SCORE, Score
from app.scripts import Argument

Place = Literal["log", "late"]
Verb = Literal[settled.Finish, "retry", "block", "behind", "bury", "park", "unmark"]


SETTLED_COST_MAX = 500
KEPT_COSTS = 4
FLAGGED_COSTS = 20  # three keys grow with a flag, each now and then by a step that takes ms


class StaleLease(Exception):
    """Another pump took a partition over. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Leased:
    """The right to move some partitions; `left` tells that due ones remain for another pump.

    `deaths` are the most pumps in a row that died holding one of them; those come first in which a
    pump died that had one delivery alone.
    `paced` tells that the throttle is to be asked before each request, `careful` that this is the
    one pump that may send after a hold, and `probe` that it sends the probe first. `score` is what
    pumps before it have left.
    """

    partitions: tuple[int, ...]
    left: bool
    deaths: int = 0
    paced: bool = False
    careful: bool = False
    probe: bool = False
    score: Score = NO_SCORE


@dataclass(frozen=True, slots=True)
class Held:
    """The destination may not be sent to before `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class Full:
    """The destination has as many pumps as it may have."""


@dataclass(frozen=True, slots=True)
class Head:
    """A delivery and where it lies: in the log of its partition or among its retries.

    `sent` tells that a pump that is gone may have sent it, though it must not be repeated;
    `behind` that an earlier delivery of its user waits to be tried again; `bulk` that it goes
    after what is live.
    """

    partition: int
    place: Place
    entry: str
    delivery: Delivery
    sent: bool = False
    behind: bool = False
    bulk: bool = False

    @property
    def at(self) -> tuple[int, str]:
        return self.partition, self.entry

    @property
    def is_part(self) -> bool:
        """Whether it is a part of an event that stands for several."""
        return "." in self.entry


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read of a partition: `count` entries after `after` and `retries` that are due."""

    partition: int
    after: str
    count: int
    retries: int

    def words(self) -> tuple[Argument, ...]:
        return self.partition, self.after, self.count, self.retries


@dataclass(frozen=True, slots=True)
class Heads:
    """What may move next.

    `wake_waits` tells that another pump is asked for, `held` that this one may not send any more.
    `rules` is the version of the mapping rules.
    """

    heads: tuple[Head, ...]
    next_due: int | None
    wake_waits: bool
    held: bool
    rules: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """A verdict on a head; `wait_ms` and `payload` as the verb needs them.

    `retry` tries it again after the wait, which the store's clock measures; `block` too, and its
    user's later deliveries go `behind` it until it is finished. `park` keeps it as unmapped, for
    the rules of `version` do not map it. `delivered` carries what it says of its user's flags,
    `bury` keeps the payload with its `letter` for a `reason`, `dry_run` shows it. `unmark` leaves
    it where it is, for nothing was sent. `rules` are those that matched what is finished or
    buried. `why` is for the log of the process.
    """

    head: Head
    verb: Verb
    wait_ms: int = 0
    payload: bytes = b""
    letter: bytes = b""
    why: str = ""
    rules: tuple[str, ...] = ()
    version: int = 0
    reason: str = ""

    def words(self) -> tuple[Argument, ...]:
        head, verb = self.head, self.verb
        detail: str | int = self.wait_ms
        if self.rules:
            # With a space before each, so that a rule of the id 0 is not taken for no wait.
            detail = "".join(f" {rule}" for rule in self.rules)
        user = head.delivery.user
        words = head.partition, head.place, head.entry, verb, detail, self.payload, user
        if verb == "bury":
            return (*words, self.letter)
        return (*words, self.version) if verb == "park" else words


def portions(settlements: Sequence[Settlement]) -> Iterator[Sequence[Settlement]]:
    """In portions that the store records in a few milliseconds: meanwhile it answers nobody else.

    What it has to keep costs it about four times as much as what is finished, and what is
    finished with flags at times twenty.
    """
    portion: list[Settlement] = []
    cost = 0
    for one in settlements:
        own = _cost(one)
        if portion and cost + own > SETTLED_COST_MAX:
            yield portion
            portion, cost = [], 0
        portion.append(one)
        cost += own
    if portion:
        yield portion


def _cost(one: Settlement) -> int:
    if one.verb == "delivered" and one.payload:
        return FLAGGED_COSTS
    return KEPT_COSTS if one.payload or one.letter else 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """On how many verdicts a settle acted.

    Those that it `refused` to park stay where they are: other rules hold than those of their
    version, and may map them. The letters of `opened` are the first of groups that are new, for
    this pump alone to tell; `flooded` asks it to tell that there are too many of them.
    """

    acted: int
    refused: tuple[Head, ...] = ()
    opened: tuple[bytes, ...] = ()
    flooded: bool = False

    @classmethod
    def read(cls, answer: Sequence[int], settlements: Sequence[Settlement]) -> "Recorded":
        """What settle.lua answers about these."""
        acted, refused, *indexes = answer
        news = indexes[refused:]
        first = dict(zip(news[::2], news[1::2], strict=True))
        return cls(
            acted,
            tuple(settlements[index].head for index in indexes[:refused]),
            tuple(settlements[index].letter for index, told in first.items() if told),
            flooded=0 in first.values(),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """What is to stand in the place of a head; `rules` are those that said so."""

    head: Head
    parts: tuple[Delivery, ...]
    rules: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[Head, ...]:
        """The parts, as they lie among the retries."""
        at = self.head.partition, self.head.entry
        return tuple(
            Head(at[0], "late", f"{at[1]}.{number}", part)
            for number, part in enumerate(self.parts, 1)
        )

    def words(self) -> tuple[Argument, ...]:
        head = self.head
        at = head.partition, head.place, head.entry, head.delivery.user
        return *at, " ".join(self.rules), len(self.parts), *map(encode, self.parts)


def heads_of(found: Sequence[Any], token: str, layout: Layout) -> Iterator[Head]:
    """The heads of one partition as heads.lua answers them."""
    partition, retries, entries, marks, later = found
    bulk = layout.is_bulk(partition)
    marked = {entry for entry, pump in _pairs(marks) if pump != token.encode()}
    for entry, payload in _pairs(retries):
        sent = entry in marked
        yield Head(partition, "late", entry.decode(), decode(payload), sent=sent, bulk=bulk)
    behind = set(later)
    for entry, words in entries:
        delivery = logged(entry, dict(_pairs(words)))
        yield Head(
            partition,
            "log",
            entry.decode(),
            delivery,
            sent=entry in marked,
            behind=entry in behind,
            bulk=bulk,
        )


def told(settlements: Sequence[Settlement]) -> bytes:
    """What the ring of the newest settled keeps of these; empty when nothing is finished."""
    return settled.encode(
        settled.Finished(
            one.head.delivery.id,
            one.verb,
            one.head.delivery.accepted_at,
            len(one.head.delivery.attempts) + (one.verb == "delivered"),
        )
        for one in settlements
        if one.verb in ("delivered", "skipped", "filtered", "before_cutover", "dry_run")
    )


def _pairs(words: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(words[::2], words[1::2], strict=True)
