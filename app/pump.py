"""The pump: moves the heads of a destination's partitions to the destination.

It leases partitions, reads what is due, transforms it, fills requests, sends them side by side,
and settles each answer as it arrives. It works for a bounded time and then gives everything back.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import structlog

from app.client import Client
from app.destination import Destination, Item, Reject, Reply, Request, Skip, Transformed
from app.hand import Hand, Prepared
from app.log import LEASE_MS, Head, Leased, Log, Reading, Settlement, StaleLease
from app.outcome import Delivered, Hold, Rejected
from app.segment import Event
from app.settings import DestinationSettings
from app.throttle import Throttle
from app.verdict import Exchange, buried_unsent, settlements

SLICE_S = 5.0
LINGER_S = 1.0
TICK_S = 1.0
LISTEN_MS = 100
LOOK_S = 0.01
RENEW_EVERY_S = LEASE_MS / 1000 / 4
IN_HAND_MAX = 2_000
READS_MAX = 4

logger = structlog.get_logger("pump")


@dataclass(slots=True)
class Report:
    """What a pump did; the one wide line that it logs."""

    partitions: int = 0
    requests: int = 0
    delivered: int = 0
    skipped: int = 0
    retry: int = 0
    bury: int = 0
    held: str = ""
    stale: bool = False
    wake: bool = False


@dataclass(frozen=True, slots=True)
class _Flight:
    sent: Sequence[Prepared]
    request: Request
    began_at: int


def milliseconds() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Pump:
    """One run over a destination; `token` names it as the holder of its leases."""

    def __init__(
        self,
        destination: Destination[Any],
        account: DestinationSettings,
        log: Log,
        throttle: Throttle,
        client: Client,
        *,
        token: str,
        clock: Callable[[], int] = milliseconds,
        random: Random | None = None,
    ) -> None:
        self._destination = destination
        self._account = account
        self._log = log
        self._throttle = throttle
        self._client = client
        self._token = token
        self._clock = clock
        self._random = random or Random()
        self._report = Report()
        self._hand = Hand(destination.batch)
        self._flights: dict[Future[Reply], _Flight] = {}
        self._cursors: dict[int, str] = {}
        self._settled = 0
        self._renew_at = 0.0
        self._send_at = 0.0
        self._next_due: int | None = None
        self._wake_waits = False

    def run(self) -> Report:
        """Pump until nothing is left for a while, the time is over, or the destination is held.

        The report's `wake` tells that due work is left and a wake is to be sent.
        """
        began = time.monotonic()
        share = -(-self._log.layout.partitions // self._account.pumps)
        leased = self._log.lease(self._token, share)
        if not isinstance(leased, Leased) or not leased.partitions:
            return self._report
        self._report.partitions = len(leased.partitions)
        self._cursors = dict.fromkeys(leased.partitions, "")
        self._renew_at = began + RENEW_EVERY_S
        try:
            self._work(began + SLICE_S)
        except StaleLease:
            self._report.stale = True
        self._report.wake = self._log.release(self._token)
        took = round(time.monotonic() - began, 3)
        logger.info(
            "pump.finished", destination=self._account.id, seconds=took, **asdict(self._report)
        )
        return self._report

    def _work(self, until: float) -> None:
        idle_since = time.monotonic()
        with ThreadPoolExecutor(self._account.concurrency) as threads:
            while True:
                now = time.monotonic()
                self._renew(now)
                open_ = now < until and not self._report.held
                if open_:
                    self._fill()
                    self._send(threads)
                if self._flights:
                    self._collect()
                elif not open_:
                    return
                elif self._hand.waiting:
                    time.sleep(max(0.0, min(self._send_at - time.monotonic(), TICK_S)))
                elif self._wake_waits or time.monotonic() - idle_since > LINGER_S:
                    return
                else:
                    self._listen()
                    continue
                idle_since = time.monotonic()

    def _renew(self, now: float) -> None:
        if now >= self._renew_at:
            self._log.renew(self._token, tuple(self._cursors))
            self._renew_at = now + RENEW_EVERY_S

    def _fill(self) -> None:
        """Read until the hand is full or nothing more is there; each partition gets its share."""
        partitions = tuple(self._cursors)
        for _ in range(READS_MAX):
            room = IN_HAND_MAX - self._hand.waiting
            if not partitions or room < IN_HAND_MAX // 2:
                return
            share = -(-room // len(partitions))
            found = self._log.heads(
                self._token,
                [
                    Reading(p, self._cursors[p], share, 0 if self._hand.retries(p) else share)
                    for p in partitions
                ],
            )
            self._wake_waits, self._next_due = found.wake_waits, found.next_due
            self._prepare(found.heads)
            logged = [head.partition for head in found.heads if head.place == "log"]
            partitions = tuple(p for p in set(logged) if logged.count(p) >= share)

    def _prepare(self, heads: Sequence[Head]) -> None:
        unsent: list[Settlement] = []
        for head in heads:
            if head.place == "log":
                self._cursors[head.partition] = head.entry
            match self._transform(head):
                case Item() as item:
                    self._hand.add(Prepared(head, item))
                case Skip():
                    unsent.append(Settlement(head, "skipped"))
                case Reject(why):
                    unsent.append(buried_unsent(head, "rejected", why, self._clock()))
                case Exception() as bug:
                    why = f"{type(bug).__name__}: {bug}"
                    unsent.append(buried_unsent(head, "untransformable", why, self._clock()))
        self._settle(unsent)

    def _transform(self, head: Head) -> Transformed | Exception:
        """One event that trips a transform up must not stop its partition: it is buried."""
        try:
            return self._destination.transform(Event.decode(head.delivery.event), self._account)
        except Exception as bug:
            logger.exception("transform.failed", destination=self._account.id)
            return bug

    def _send(self, threads: Executor) -> None:
        while len(self._flights) < self._account.concurrency:
            if time.monotonic() < self._send_at or not (sent := self._hand.take()):
                return
            grant = self._throttle.take(len(sent))
            if grant.granted < len(sent):
                self._hand.put_back(sent[grant.granted :])
                self._send_at = time.monotonic() + grant.wait_ms / 1000
                sent = sent[: grant.granted]
            if grant.wait_ms > TICK_S * 1000:
                self._report.held = self._report.held or "throttled"
            if sent:
                request = self._destination.compose([one.item for one in sent], self._account)
                flight = _Flight(sent, request, self._clock())
                self._flights[threads.submit(self._client.send, request)] = flight
                self._report.requests += 1

    def _collect(self) -> None:
        """Settle what has come back. While a request more could go, look often for one."""
        busy = len(self._flights) == self._account.concurrency
        timeout = TICK_S if busy else LOOK_S
        finished, _ = wait(self._flights, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in finished:
            self._read(self._flights.pop(future), future.result())

    def _read(self, flight: _Flight, reply: Reply) -> None:
        outcome = self._destination.read(reply)
        if isinstance(outcome, Rejected) and len(flight.sent) > 1:
            self._hand.split(flight.sent)
            return
        exchange = Exchange(flight.request, reply, flight.began_at, self._clock())
        settled = settlements(flight.sent, outcome, exchange, self._account.retry, self._random)
        if isinstance(settled, Hold):
            self._report.held = settled.why
            self._throttle.hold(settled.why, settled.after)
        else:
            self._settle(settled)
        if isinstance(outcome, Delivered):
            self._throttle.clear()
        self._hand.finish(flight.sent)

    def _settle(self, settled: Sequence[Settlement]) -> None:
        if not settled:
            return
        self._settled += 1
        self._log.settle(self._token, self._settled, settled)
        for settlement in settled:
            count = getattr(self._report, settlement.verb) + 1
            setattr(self._report, settlement.verb, count)

    def _listen(self) -> None:
        wait_ms = LISTEN_MS
        if self._next_due is not None:
            wait_ms = max(1, min(wait_ms, self._next_due - self._clock()))
        self._log.listen(self._cursors, wait_ms)
