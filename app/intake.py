"""What a pump reads: the heads of its partitions, transformed into its hand or settled at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

import structlog

from app.clock import Clock
from app.destination import Item, Reject, Several, Single, Skip, Transformed, Unmapped
from app.hand import Hand, Prepared
from app.lane import Lane
from app.log import Head, Reading, Settlement, Split
from app.mapping import Rulebook
from app.rehearsal import rehearsed
from app.segment import Event
from app.selection import LeftOut, left_out
from app.verdict import buried_unsent, mapped, parked, parted, put_behind, untransformable

IN_HAND_MAX = 2_000
ALONE_DEATHS_MAX = 3
READS_MAX = 4
LISTEN_MS = 100
FAR = 1 << 62

TWICE_PARTED = (
    "this is a part of an event and stands for several again; "
    "expected properties.featureId, or rules with one feature"
)
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
        self._account = lane.account
        self._rules = Rulebook()
        self._hand = hand
        self._token = token
        self._clock = clock
        self._cursors: dict[int, str] = {}
        self._bulk: dict[int, bool] = {}
        self._next_due = {False: 0, True: 0}
        self._limit = IN_HAND_MAX
        self.wake_waits = False
        self.held = False

    @property
    def partitions(self) -> tuple[int, ...]:
        return tuple(self._cursors)

    def begin(self, partitions: Sequence[int], limit: int = IN_HAND_MAX) -> None:
        """Read these from their beginning, with at most `limit` in hand: half live, half bulk."""
        self._cursors = dict.fromkeys(partitions, "")
        self._bulk = {p: self._lane.log.layout.is_bulk(p) for p in partitions}
        self._limit = limit

    def expect_retries(self) -> None:
        """Something was settled that may have made a retry due: read all at the next occasion."""
        self._next_due = {False: 0, True: 0}

    def fill(self, *, listen: bool = False) -> list[Settlement]:
        """Read until the hand is full or nothing more is there; each partition gets its share.

        With `listen` it waits a moment for something to come. Returns the settlements of what does
        not become a request.
        """
        settled: list[Settlement] = []
        partitions = self._readable(listen=listen)
        for _ in range(READS_MAX):
            if not partitions:
                break
            shares = self._shares(partitions)
            heads = self._bounded(self._read(partitions, shares))
            self._cursors |= {one.partition: one.entry for one in heads if one.place == "log"}
            settled += self._take(heads)
            logged = Counter(head.partition for head in heads if head.place == "log")
            full = {p for p, count in logged.items() if count >= shares[self._bulk[p]]}
            partitions = tuple(p for p in self._roomy() if p in full)
        return settled

    def again(self, heads: Sequence[Head]) -> list[Settlement]:
        """Look again at what was not parked, for other rules hold by now."""
        self._renew_rules()
        return self._take(heads)

    def _room(self, *, bulk: bool) -> int:
        return max(1, self._limit // 2) - self._hand.waiting_of(bulk=bulk)

    def _roomy(self) -> tuple[int, ...]:
        """The partitions for which there is so much room that a read is worth it.

        What is to be alone is read when nothing else waits or is under way.
        """
        if self._is_alone:
            return self.partitions if self._hand.is_empty else ()
        worth = self._limit // 4
        roomy = {bulk: self._room(bulk=bulk) >= worth for bulk in (False, True)}
        return tuple(p for p, bulk in self._bulk.items() if roomy[bulk])

    def _shares(self, partitions: Sequence[int]) -> dict[bool, int]:
        """How much to read of each of these, live ones and bulk."""
        counts = Counter(self._bulk[p] for p in partitions)
        return {bulk: -(-self._room(bulk=bulk) // count) for bulk, count in counts.items()}

    @property
    def _is_alone(self) -> bool:
        return self._limit == 1

    def _bounded(self, heads: Sequence[Head]) -> Sequence[Head]:
        """What there is room for, where every one counts; the others are read again."""
        if self._limit == IN_HAND_MAX:
            return heads
        bounded = [
            head
            for bulk in (False, True)
            for head in [one for one in heads if one.bulk == bulk][: self._room(bulk=bulk)]
        ]
        if self._is_alone:
            bounded = list(heads[:1])
        if len(bounded) < len(heads):
            self.expect_retries()
        return bounded

    def _readable(self, *, listen: bool) -> tuple[int, ...]:
        """The partitions that are worth a read: asking for what grew costs less than reading."""
        roomy = self._roomy()
        if not roomy:
            return ()
        until_due = min(self._next_due[self._bulk[p]] for p in roomy) - self._clock()
        if until_due <= 0:
            return roomy
        cursors = {p: self._cursors[p] for p in roomy}
        grown = self._lane.log.grown(cursors, min(LISTEN_MS, until_due) if listen else 0)
        return roomy if listen and not grown else tuple(p for p in roomy if p in grown)

    def _read(self, partitions: Sequence[int], shares: Mapping[bool, int]) -> Sequence[Head]:
        """Retries in hand are not read again; entries are not, for the cursor is past them."""
        found = self._lane.log.heads(
            self._token, [self._reading(p, shares[self._bulk[p]]) for p in partitions]
        )
        self.wake_waits, self.held = found.wake_waits, found.held
        if found.rules != self._rules.version and self._lane.destination.ruled:
            self._renew_rules()
        next_due = FAR if found.next_due is None else found.next_due
        whole = Counter(self._bulk.values())
        for bulk, count in Counter(self._bulk[p] for p in partitions).items():
            known = FAR if count == whole[bulk] else self._next_due[bulk]
            self._next_due[bulk] = min(known, next_due)
        return found.heads

    def _reading(self, partition: int, share: int) -> Reading:
        retries = 0 if self._hand.retries(partition) else share
        return Reading(partition, self._cursors[partition], share, retries)

    def _renew_rules(self) -> None:
        self._rules = self._lane.log.rules.book()
        self._account = self._lane.account.model_copy(update={"rules": self._rules.rules})

    def _take(self, heads: Sequence[Head]) -> list[Settlement]:
        """Take heads in hand, in their order; what does not become a request is settled instead.

        The parts of a head stand in its place, save where each is to be alone: they are read next.
        """
        seen = [self._prepared(head) for head in heads]
        splits = [one for one in seen if isinstance(one, Split)]
        done = self._lane.log.split(self._token, splits) if splits else set()
        settled: list[Settlement] = []
        for one in seen:
            if not isinstance(one, Split):
                self._add(one, settled)
            elif self._is_alone:
                self.expect_retries()
            elif one.head.at in done:
                for part in one.heads:
                    self._add(self._prepared(part), settled)
        return settled

    def _add(self, one: Prepared | Settlement | Split, settled: list[Settlement]) -> None:
        match one:
            case Prepared():
                self._hand.add(one)
            case Settlement():
                settled.append(one)
            case Split():
                raise TypeError(
                    f"{one.head.delivery.id}: expected a part that stands for one call"
                )
            case _ as never:
                assert_never(never)

    def _prepared(self, head: Head) -> Prepared | Settlement | Split:
        return self._withheld(head) or self._transformed(head)

    def _withheld(self, head: Head) -> Settlement | None:
        """The settlement of what is not to be sent, whatever it says."""
        if head.sent:
            why = "a pump ended while it sent this, before the answer was recorded"
            return buried_unsent(self._as_mapped(head), "unconfirmed", why, self._clock())
        if head.behind:
            return put_behind(head)
        if self._is_alone and self._lane.log.alone(self._token, head) >= ALONE_DEATHS_MAX:
            return buried_unsent(head, "poison", POISON, self._clock())
        return None

    def _transformed(self, head: Head) -> Prepared | Settlement | Split:
        match self._transform(head):
            case "filtered" | "before_cutover" as left:
                return Settlement(head, left)
            case Several() as several:
                return self._parted(head, several)
            case seen if self._lane.account.dry_run:
                return self._rehearsed(head, seen)
            case Item() as item:
                return Prepared(head, item)
            case Skip():
                return Settlement(head, "skipped")
            case Unmapped():
                return parked(head, self._rules.version)
            case Reject(why):
                return buried_unsent(head, "rejected", why, self._clock())
            case Exception() as bug:
                return untransformable(head, bug, self._clock())
            case _ as never:
                assert_never(never)

    def _parted(self, head: Head, several: Several) -> Settlement | Split:
        if head.is_part:
            return buried_unsent(head, "rejected", TWICE_PARTED, self._clock())
        return parted(head, several)

    def _as_mapped(self, head: Head) -> Head:
        """What was sent, as far as the rules of now tell."""
        match self._transform(head):
            case Item() as item:
                return replace(head, delivery=mapped(Prepared(head, item)))
            case _:
                return head

    def _transform(self, head: Head) -> Transformed | LeftOut | Exception:
        """One event that trips a transform up must not stop its partition: it is buried."""
        lane = self._lane
        try:
            event = Event.decode(head.delivery.event)
            return left_out(event, lane.account) or lane.destination.transform(
                event, self._account
            )
        except Exception as bug:
            logger.exception("transform.failed", destination=self._lane.account.id)
            return bug

    def _rehearsed(self, head: Head, seen: Single | Exception) -> Settlement:
        lane, request = self._lane, None
        try:
            if isinstance(seen, Item):
                request = lane.destination.compose([seen], lane.account)
        except Exception as bug:
            logger.exception("compose.failed", destination=lane.account.id)
            seen = bug
        return rehearsed(head, seen, request, self._clock())
