"""What a pump reads: the heads of its partitions, transformed into its hand or settled at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import structlog

from app.clock import Clock
from app.destination import Item, Reject, Several, Single, Skip, Transformed, Unmapped
from app.hand import Hand, Prepared
from app.health import NO_SCORE, Fitness, Score
from app.lane import Lane
from app.mapping import Rulebook
from app.moves import Head, Reading, Settlement, Split
from app.outcome import Hold
from app.rehearsal import rehearsed
from app.segment import Event
from app.selection import LeftOut, left_out
from app.verdict import buried_unsent, mapped, parked, parted, put_behind, told, untransformable

IN_HAND_MAX = 2_000
ALONE_DEATHS_MAX = 3
TURN = IN_HAND_MAX >> 6  # half of the hand before: live ones or bulk
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


@dataclass(frozen=True, slots=True)
class Unfit:
    """An event that cannot become a request, why, and how its delivery is settled."""

    why: str
    settlement: Settlement


class Intake:
    """Reads the partitions that a pump holds, from their beginning on, each entry once.

    `wake_waits` tells that another pump is asked for, `held` that another pump has had to hold the
    destination, `flood` that so many events could not become requests that it is to be paused.
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
        self._taken: Counter[int] = Counter()
        self._settled: Counter[int] = Counter()
        self._ended: set[int] = set()
        self._poison_found = False
        self._fitness = Fitness()
        self.flood: Hold | None = None
        self.wake_waits = False
        self.held = False

    @property
    def unfit(self) -> int:
        """How many more events became no request than became one, for the next pump."""
        return self._fitness.unfit

    @property
    def partitions(self) -> tuple[int, ...]:
        return tuple(self._cursors)

    def begin(
        self, partitions: Sequence[int], limit: int = IN_HAND_MAX, score: Score = NO_SCORE
    ) -> None:
        """Read these from their beginning, with at most `limit` in hand: half live, half bulk."""
        self._fitness = Fitness(score.unfit)
        self._cursors = dict.fromkeys(partitions, "")
        self._bulk = {p: self._lane.log.layout.is_bulk(p) for p in partitions}
        self._limit = limit

    @property
    def cleared(self) -> tuple[int, ...]:
        """The partitions that are not to blame for the death of pumps before.

        That are all once the poison is found, else those that were read to their end, or of which
        enough was settled.
        """
        if self._poison_found:
            return self.partitions
        enough = {p for p, settled in self._settled.items() if settled >= self._turn}
        return tuple(self._ended | enough)

    @property
    def _turn(self) -> int:
        """How many a partition gives before it goes behind the others.

        What killed the pump before was among so many of it.
        """
        return TURN if self._is_alone else 1

    def after(self, settled: Sequence[Settlement]) -> None:
        """These were settled; where a retry may have become due, read all at the next occasion."""
        self._settled.update(one.head.partition for one in settled if one.verb != "unmark")
        if any(one.verb in ("retry", "block") or one.head.place == "late" for one in settled):
            self._expect_retries()

    def _expect_retries(self) -> None:
        self._next_due = {False: 0, True: 0}

    def fill(self, *, listen: bool = False) -> list[Settlement]:
        """Read until the hand is full or nothing more is there; each partition gets its share.

        With `listen` it waits a moment for something to come. Returns the settlements of what does
        not become a request.
        """
        settled: list[Settlement] = []
        partitions = self._readable(listen=listen)
        for reads in range(READS_MAX):
            if not partitions:
                break
            shares = self._shares(partitions)
            heads = self._read(partitions, shares, retries=reads == 0)
            if self._hand.is_empty:
                self._ended |= set(partitions) - {head.partition for head in heads}
            heads = self._bounded(heads)
            self._cursors |= {one.partition: one.entry for one in heads if one.place == "log"}
            settled += self._take(heads)
            if self.flood:
                break
            logged = Counter(head.partition for head in heads if head.place == "log")
            full = {p for p, count in logged.items() if count >= shares[self._bulk[p]]}
            partitions = tuple(p for p in self._roomy() if p in full)
        # What goes behind a delivery that is finished here must stand there when that moves it up.
        return sorted(settled, key=lambda one: one.verb != "behind")

    def again(self, heads: Sequence[Head]) -> list[Settlement]:
        """Look again at what was not parked, for other rules hold by now."""
        self._renew_rules()
        return self._take(list({head.at: head for head in heads}.values()))

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
        return tuple(p for p in self.partitions if roomy[self._bulk[p]])

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
        self._take_turns(bounded)
        if len(bounded) < len(heads):
            self._expect_retries()
        return bounded

    def _take_turns(self, heads: Sequence[Head]) -> None:
        """Move partitions that had their turn behind the others, which may hide what kills."""
        for head in heads:
            self._taken[head.partition] += 1
            if self._taken[head.partition] % self._turn == 0:
                self._cursors[head.partition] = self._cursors.pop(head.partition)

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

    def _read(
        self, partitions: Sequence[int], shares: Mapping[bool, int], *, retries: bool
    ) -> Sequence[Head]:
        """Entries are not read again, for the cursor is past them.

        Retries that are in hand are not, nor are any before what was read of them is settled.
        """
        found = self._lane.log.heads(
            self._token,
            [self._reading(p, shares[self._bulk[p]], retries=retries) for p in partitions],
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

    def _reading(self, partition: int, share: int, *, retries: bool) -> Reading:
        due = share if retries and not self._hand.retries(partition) else 0
        return Reading(partition, self._cursors[partition], share, due)

    def _renew_rules(self) -> None:
        self._rules = self._lane.log.rules.book()
        self._account = self._lane.account.model_copy(update={"rules": self._rules.rules})

    def _take(self, heads: Sequence[Head]) -> list[Settlement]:
        """Take heads in hand, in their order; what does not become a request is settled instead.

        The parts of a head stand in its place, save where each is to be alone: they are read next.
        Of a flood of what is unfit the most stays where it is.
        """
        seen = [self._prepared(head) for head in heads]
        settled = self._buried([one for one in seen if isinstance(one, Unfit)], len(seen))
        splits = [one for one in seen if isinstance(one, Split)]
        done = self._lane.log.split(self._token, splits) if splits else set()
        for one in seen:
            if isinstance(one, Prepared | Settlement):
                self._add(one, settled)
            elif isinstance(one, Split) and self._is_alone:
                self._expect_retries()
            elif isinstance(one, Split) and one.head.at in done:
                for part in one.heads:
                    self._add(self._prepared(part), settled)
        return settled

    def _buried(self, unfit: Sequence[Unfit], seen: int) -> list[Settlement]:
        most, flood = self._fitness.after([one.why for one in unfit], seen - len(unfit))
        self.flood = self.flood or flood
        return [one.settlement for one in unfit[:most]]

    def _add(self, one: Prepared | Settlement | Unfit | Split, settled: list[Settlement]) -> None:
        match one:
            case Prepared():
                self._hand.add(one)
            case Settlement():
                settled.append(one)
            case Unfit():
                settled.append(one.settlement)
            case Split():
                raise TypeError(
                    f"{one.head.delivery.id}: expected a part that stands for one call"
                )
            case _ as never:
                assert_never(never)

    def _prepared(self, head: Head) -> Prepared | Settlement | Unfit | Split:
        return self._withheld(head) or self._transformed(head)

    def _withheld(self, head: Head) -> Settlement | None:
        """The settlement of what is not to be sent, whatever it says."""
        if head.sent:
            why = "a pump ended while it sent this, before the answer was recorded"
            return buried_unsent(self._as_mapped(head), "unconfirmed", why, self._clock())
        if head.behind:
            return put_behind(head)
        if self._is_alone and self._lane.log.alone(self._token, head) >= ALONE_DEATHS_MAX:
            self._poison_found = True
            return buried_unsent(head, "poison", POISON, self._clock())
        return None

    def _transformed(self, head: Head) -> Prepared | Settlement | Unfit | Split:
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
                return Unfit(why, buried_unsent(head, "rejected", why, self._clock()))
            case Exception() as bug:
                return Unfit(told(bug), untransformable(head, bug, self._clock()))
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
        lane, one = self._lane, head.delivery
        try:
            event = Event.decode(one.event)
            came = Event.decode(one.chosen_by) if one.mapped else event
            return left_out(came, lane.account) or lane.destination.transform(event, self._account)
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
