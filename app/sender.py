"""Requests under way: sends them side by side, and says what each came to."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from time import monotonic

import structlog

from app.clock import Clock
from app.destination import Next, Reply, Request
from app.hand import Prepared
from app.lane import Lane
from app.outcome import Outcome, Retryable
from app.verdict import Exchange

STEPS_MAX = 8

logger = structlog.get_logger("pump")


@dataclass(frozen=True, slots=True)
class Landed:
    """What a request came to, for all the deliveries in it."""

    sent: Sequence[Prepared]
    outcome: Outcome
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class _Flight:
    sent: Sequence[Prepared]
    request: Request
    began_at: int
    step: int = 1


class Sender:
    """The requests of one pump. `threads` bounds how many go out at once."""

    def __init__(self, lane: Lane, threads: Executor, clock: Clock) -> None:
        self._lane = lane
        self._threads = threads
        self._clock = clock
        self._flights: dict[Future[Reply], _Flight] = {}

    @property
    def under_way(self) -> int:
        return len(self._flights)

    @property
    def bulk_under_way(self) -> int:
        return sum(flight.sent[0].head.bulk for flight in self._flights.values())

    def send(self, sent: Sequence[Prepared], since: float) -> Exception | None:
        """Send these in one request. Its deadline counts from `since` (s, monotonic).

        Returns the bug that kept them from becoming a request.
        """
        try:
            request = self._lane.destination.compose(
                [one.item for one in sent], self._lane.account
            )
        except Exception as bug:
            logger.exception("compose.failed", destination=self._lane.account.id)
            return bug
        self._launch(_Flight(sent, request, self._clock()), since)
        return None

    def landed(self, within: float) -> list[Landed]:
        """What has come back, as soon as something has, at the latest after `within` (s)."""
        done, _ = wait(self._flights, timeout=within, return_when=FIRST_COMPLETED)
        finished = (self._land(self._flights.pop(future), future.result()) for future in done)
        return [landed for landed in finished if landed is not None]

    def _land(self, flight: _Flight, reply: Reply) -> Landed | None:
        """None when the delivery needs another call, which is then under way."""
        outcome = self._meaning(reply, flight.request)
        if isinstance(outcome, Next):
            if flight.step < STEPS_MAX:
                following = _Flight(flight.sent, outcome.request, flight.began_at, flight.step + 1)
                self._launch(following, monotonic())
                return None
            outcome = Retryable(f"not settled after {STEPS_MAX} calls")
        exchange = Exchange(flight.request, reply, flight.began_at, self._clock())
        return Landed(flight.sent, outcome, exchange)

    def _meaning(self, reply: Reply, request: Request) -> Outcome | Next:
        try:
            return self._lane.destination.read(reply, request)
        except Exception as bug:
            logger.exception("read.failed", destination=self._lane.account.id)
            return Retryable(f"the answer could not be read: {type(bug).__name__}")

    def _launch(self, flight: _Flight, since: float) -> None:
        future = self._threads.submit(self._lane.client.send, flight.request, since)
        self._flights[future] = flight
