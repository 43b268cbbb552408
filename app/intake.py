"""What a pump reads: the heads of its partitions, transformed into its hand or settled at once."""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

import structlog

from app.clock import Clock
from app.destination import Item, Reject, Skip, Transformed, Unmapped
from app.hand import Hand, Prepared
from app.lane import Lane
from app.log import Head, Reading, Settlement
from app.segment import Event
from app.verdict import buried_unsent, parked, put_behind, untransformable

IN_HAND_MAX = 2_000
ALONE_DEATHS_MAX = 3
READS_MAX = 4
LISTEN_MS = 100
FAR = 1 << 62

POISON = f"{ALONE_DEATHS_MAX} pumps died while they had nothing but this in hand"

logger = structlog.get_logger("pump")


def hand_limit(deaths: int) -> int:
    """How many a pump takes in hand after so many pumps in a row died: 2000, 62, then 1.

    So what kills pumps stands alone soon, while random kills cost some speed and nothing else.
    """
    return max(1, IN_HAND_MAX >> 5 * deaths)


class Intake:
    """Reads the partitions that a pump holds, from their beginning on, each entry once.

    `wake_waits` tells that another pump is asked for, `held` that another pump has had to hold the
    destination.
    """

    def __init__(self, lane: Lane, hand: Hand, token: str, clock: Clock) -> None:
        self._lane = lane
        self._hand = hand
        self._token = token
        self._clock = clock
        self._cursors: dict[int, str] = {}
        self._next_due = 0
        self._limit = IN_HAND_MAX
        self.wake_waits = False
        self.held = False

    @property
    def partitions(self) -> tuple[int, ...]:
        return tuple(self._cursors)

    def begin(self, partitions: Sequence[int], limit: int = IN_HAND_MAX) -> None:
        """Read these from their beginning, with at most `limit` in hand."""
        self._cursors = dict.fromkeys(partitions, "")
        self._limit = limit

    def expect_retries(self) -> None:
        """Something was settled that may have made a retry due: read all at the next occasion."""
        self._next_due = 0

    def fill(self, *, listen: bool = False) -> list[Settlement]:
        """Read until the hand is full or nothing more is there; each partition gets its share.

        With `listen` it waits a moment for something to come. Returns the settlements of what does
        not become a request.
        """
        settled: list[Settlement] = []
        if not self._has_room:
            return settled
        partitions = self._readable(listen=listen)
        for _ in range(READS_MAX):
            if not partitions or not self._has_room:
                break
            share = -(-self._room // len(partitions))
            heads = self._bounded(self._read(partitions, share))
            settled += [one for head in heads for one in self._prepare(head)]
            logged = Counter(head.partition for head in heads if head.place == "log")
            partitions = tuple(p for p, count in logged.items() if count >= share)
        return settled

    @property
    def _room(self) -> int:
        return self._limit - self._hand.waiting

    @property
    def _has_room(self) -> bool:
        """Whether a read is worth it. What is to be alone is read when nothing is under way."""
        if self._is_alone:
            return self._hand.is_empty
        return self._room >= self._limit // 2

    @property
    def _is_alone(self) -> bool:
        return self._limit == 1

    def _bounded(self, heads: Sequence[Head]) -> Sequence[Head]:
        """What there is room for, where every one counts; the others are read again."""
        if self._limit == IN_HAND_MAX or len(heads) <= self._room:
            return heads
        self.expect_retries()
        return heads[: self._room]

    def _readable(self, *, listen: bool) -> tuple[int, ...]:
        """The partitions that are worth a read: asking for what grew costs less than reading."""
        until_due = self._next_due - self._clock()
        if until_due <= 0:
            return self.partitions
        grown = self._lane.log.grown(self._cursors, min(LISTEN_MS, until_due) if listen else 0)
        return self.partitions if listen and not grown else tuple(grown)

    def _read(self, partitions: Sequence[int], share: int) -> Sequence[Head]:
        """Retries in hand are not read again; entries are not, for the cursor is past them."""
        found = self._lane.log.heads(
            self._token,
            [
                Reading(p, self._cursors[p], share, 0 if self._hand.retries(p) else share)
                for p in partitions
            ],
        )
        self.wake_waits, self.held = found.wake_waits, found.held
        known = FAR if len(partitions) == len(self._cursors) else self._next_due
        self._next_due = min(known, FAR if found.next_due is None else found.next_due)
        return found.heads

    def _prepare(self, head: Head) -> Sequence[Settlement]:
        """Take a head in hand; what does not become a request is settled instead."""
        if head.place == "log":
            self._cursors[head.partition] = head.entry
        if head.sent:
            why = "a pump ended while it sent this, before the answer was recorded"
            return [buried_unsent(head, "unconfirmed", why, self._clock())]
        if head.behind:
            return [put_behind(head)]
        if self._is_alone and self._lane.log.alone(self._token, head) >= ALONE_DEATHS_MAX:
            return [buried_unsent(head, "poison", POISON, self._clock())]
        match self._transform(head):
            case Item() as item:
                self._hand.add(Prepared(head, item))
                return []
            case Skip():
                return [Settlement(head, "skipped")]
            case Unmapped():
                return [parked(head)]
            case Reject(why):
                return [buried_unsent(head, "rejected", why, self._clock())]
            case Exception() as bug:
                return [untransformable(head, bug, self._clock())]
            case _ as never:
                assert_never(never)

    def _transform(self, head: Head) -> Transformed | Exception:
        """One event that trips a transform up must not stop its partition: it is buried."""
        try:
            return self._lane.destination.transform(
                Event.decode(head.delivery.event), self._lane.account
            )
        except Exception as bug:
            logger.exception("transform.failed", destination=self._lane.account.id)
            return bug
