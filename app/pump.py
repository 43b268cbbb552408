"""The pump: moves the heads of a destination's partitions to the destination.

It leases partitions, reads what is due, transforms it, fills requests, sends them side by side,
and settles each answer as it arrives. It works for a bounded time and then gives everything back.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

import redis
import structlog
from structlog.contextvars import bound_contextvars

from app.breaker import Breaker
from app.burials import Burials
from app.clock import Clock, milliseconds
from app.figures import Work
from app.fingerprint import without_names
from app.hand import Hand, Prepared
from app.intake import Intake, hand_limit
from app.lane import Lane
from app.log import LEASE_MS
from app.moves import Leased, Settlement, StaleLease, portions
from app.outcome import Delivered, Hold, Rejected
from app.pace import TICK_S, Pace
from app.sender import Landed, Sender
from app.store import is_the_stores
from app.verdict import put_behind, settlements, untransformable

SLICE_S = 5.0
LINGER_S = 1.0
LOOK_S = 0.01
LOOK_MAX_S = 0.1
RENEW_EVERY_S = LEASE_MS / 1000 / 4

logger = structlog.get_logger("pump")


@dataclass(slots=True)
class Report:
    """What a pump did: `settled` counts its verdicts by their verbs."""

    partitions: int = 0
    requests: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    held: str = ""
    stale: bool = False
    wake: bool = False


class Pump:
    """One run over a destination; `token` names it as the holder of its leases."""

    def __init__(
        self,
        lane: Lane,
        *,
        token: str,
        clock: Clock = milliseconds,
        random: Random | None = None,
    ) -> None:
        self._lane = lane
        self._destination = lane.destination
        self._account = lane.account
        self._log = lane.log
        self._throttle = lane.throttle
        self._token = token
        self._clock = clock
        self._random = random or Random()
        self._report = Report()
        self._done = Work()
        self._burials = Burials(lane.account.id)
        self._hand = Hand(lane.destination.batch)
        self._intake = Intake(lane, self._hand, token, clock)
        self._settles = 0
        self._renew_at = 0.0
        self._look_s = LOOK_S
        self._breaker = Breaker(lane, Leased((), left=False))
        self._aside: list[Sequence[Prepared]] = []
        self._pace = Pace(lane.throttle, token, paced=self._account.rate is not None)

    def run(self) -> Report:
        """Pump until nothing is left for a while, the time is over, or the destination is held."""
        try:
            with bound_contextvars(pump=self._token):
                return self._run()
        except redis.RedisError as fault:
            # What else is raised is a bug, or kills the process: leases that just end tell.
            if is_the_stores(fault):
                self._log.abandon(self._token)
            raise

    def _run(self) -> Report:
        began = time.monotonic()
        report = self._report
        share = -(-self._log.layout.partitions // self._account.pumps)
        leased = self._log.lease(self._token, share)
        if not isinstance(leased, Leased) or not leased.partitions:
            return report
        self._begin(leased, began)
        in_order = False
        try:
            if self._breaker.answers():
                if leased.left:
                    self._lane.wake()
                self._work(began + SLICE_S)
                in_order = True
        except StaleLease:
            report.stale = True
        score = self._breaker.score(self._intake.unfit)
        if score != leased.score:
            self._throttle.remember(score)
        cleared = self._intake.cleared if in_order else ()
        added = self._done.added(time.monotonic() - began)
        if self._log.release(self._token, cleared, added):
            report.wake = True
            self._lane.wake()
        report.held = self._breaker.held or ("throttled" if self._pace.stopped else "")
        self._tell(time.monotonic() - began)
        return report

    def _tell(self, seconds: float) -> None:
        report = self._report
        self._burials.finish()
        logger.info(
            "pump.finished",
            destination=self._account.id,
            seconds=round(seconds, 3),
            partitions=report.partitions,
            requests=report.requests,
            held=without_names(report.held),
            stale=report.stale,
            **report.settled,
        )

    def _begin(self, leased: Leased, began: float) -> None:
        """Read the partitions, after deaths with fewer in hand, and those first that killed."""
        self._report.partitions = len(leased.partitions)
        self._breaker = Breaker(self._lane, leased)
        self._pace.begin(began, paced=leased.paced)
        self._renew_at = began + RENEW_EVERY_S
        order: Sequence[int] = leased.partitions
        limit = hand_limit(leased.deaths)
        if leased.deaths:
            logger.warning(
                "pumps.died", destination=self._account.id, count=leased.deaths, in_hand=limit
            )
        if limit > 1:
            # In another order each time: one that is cut short must not always leave the same.
            order = self._random.sample(order, len(order))
        self._intake.begin(order, limit, leased.score)

    def _work(self, until: float) -> None:
        listen, idle_since = False, time.monotonic()
        with ThreadPoolExecutor(self._account.concurrency) as threads:
            sender = Sender(self._lane, threads, self._clock)
            while True:
                now = time.monotonic()
                self._renew(now)
                may_send = now < until and not self._stopped
                if may_send:
                    self._read(listen=listen)
                    self._send(sender)
                if sender.under_way:
                    self._collect(sender)
                elif not may_send:
                    return
                elif self._hand.waiting or self._aside:
                    time.sleep(max(0.0, min(self._pace.send_at - time.monotonic(), TICK_S)))
                elif self._intake.wake_waits or time.monotonic() - idle_since > LINGER_S:
                    return
                else:
                    listen = True
                    continue
                listen, idle_since = False, time.monotonic()

    def _read(self, *, listen: bool) -> None:
        began = time.monotonic()
        self._settle(self._intake.fill(listen=listen))
        if listen:
            self._done.idle(time.monotonic() - began)
        if self._intake.flood:
            self._breaker.hold(self._intake.flood)

    def _renew(self, now: float) -> None:
        if now >= self._renew_at:
            self._log.renew(self._token, self._intake.partitions)
            self._renew_at = now + RENEW_EVERY_S

    @property
    def _stopped(self) -> bool:
        return bool(self._pace.stopped or self._breaker.held or self._intake.held)

    def _send(self, sender: Sender) -> None:
        """Send what may go now: as much as the throttle grants, and the breaker lets through.

        What must not be repeated is marked first; the deadline of its call counts from before the
        mark, so that the lease, which the mark prolongs, outlasts the call.
        """
        since = time.monotonic()
        if self._stopped or since < self._pace.send_at or sender.under_way >= self._breaker.slots:
            return
        going, back = self._pace.granted(self._next(sender))
        for sent in reversed(back):
            self._hand.put_back(sent)
        perishable = [one.head for sent in going for one in sent if not one.item.repeatable]
        if perishable:
            self._log.mark(self._token, perishable)
        for sent in going:
            if bug := sender.send(sent, since):
                self._single_out(sent, bug)
            else:
                self._report.requests += 1

    def _single_out(self, sent: Sequence[Prepared], bug: Exception) -> None:
        """Find the one that does not become a request, and bury it."""
        if len(sent) > 1:
            self._hand.split(sent)
            return
        self._hand.finish(sent)
        self._settle([untransformable(one.head, bug, self._clock()) for one in sent])

    def _next(self, sender: Sender) -> list[Sequence[Prepared]]:
        """What goes into the next requests; of bulk one less, so that live ones find a slot.

        What the destination failed on goes again once it took something else, or nothing is left:
        in halves then, for one event may be to blame.
        """
        taken: list[Sequence[Prepared]] = []
        bulk = max(1, self._breaker.slots - 1) - sender.bulk_under_way
        while sender.under_way + len(taken) < self._breaker.slots:
            if not (sent := self._hand.take(bulk=bulk > 0, one=self._breaker.careful)):
                break
            taken.append(sent)
            bulk -= sent[0].head.bulk
        if self._aside and not taken and bulk > 0:
            failed = self._aside.pop(0)
            if len(failed) > 1:
                self._hand.split(failed)
            else:
                self._hand.put_back(failed)
            taken = [self._hand.take()]
        return taken

    def _collect(self, sender: Sender) -> None:
        """Settle what has come back. While a request more could go, look often for one."""
        busy = sender.under_way >= self._breaker.slots
        self._look_s = min(self._look_s * 2, LOOK_MAX_S)
        settled: list[Settlement] = []
        failed: redis.RedisError | None = None
        for landed in sender.landed(TICK_S if busy else self._look_s):
            self._look_s = LOOK_S
            try:
                settled += self._judge(landed)
            except redis.RedisError as fault:
                failed = fault
        self._settle(settled)
        if failed:
            raise failed

    def _judge(self, landed: Landed) -> list[Settlement]:
        took = landed.exchange.ended_at - landed.exchange.began_at
        self._done.request(landed.outcome, len(landed.sent), took)
        sent, outcome = landed.sent, self._breaker.weighed(landed)
        if len(sent) > 1 and (isinstance(outcome, Rejected) or outcome is not landed.outcome):
            self._hand.split(sent)
            return []
        settled = settlements(
            sent,
            outcome,
            landed.exchange,
            self._account.retry,
            self._random,
            ordered=self._destination.ordered,
        )
        if isinstance(settled, Hold):
            self._aside.append(sent)
            return [Settlement(one.head, "unmark") for one in sent if not one.item.repeatable]
        self._hand.finish(sent)
        if isinstance(outcome, Delivered):
            self._put_back()
        blocked = [one.head for one in settled if one.verb == "block"]
        behind = [one.head for head in blocked for one in self._hand.withdraw(head)]
        return settled + [put_behind(head) for head in behind]

    def _put_back(self) -> None:
        """Something was delivered: what the destination failed on goes first again."""
        while self._aside:
            self._hand.put_back(self._aside.pop())

    def _settle(self, settled: Sequence[Settlement]) -> None:
        for portion in portions(settled):
            self._record(portion)

    def _record(self, settled: Sequence[Settlement]) -> None:
        self._settles += 1
        recorded = self._log.settle(self._token, self._settles, settled)
        self._report.settled.update(settlement.verb for settlement in settled)
        self._report.settled.subtract("park" for _ in recorded.refused)
        self._burials.tell(settled)
        self._burials.news(recorded)
        self._intake.after(settled)
        if recorded.refused:
            self._settle(self._intake.again(recorded.refused))
