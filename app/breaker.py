"""One pump's part in the circuit breaker: it weighs what its requests came to, and acts on it."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import assert_never

from app.destination import Answer
from app.hand import Prepared
from app.health import Health, Score
from app.lane import Lane
from app.moves import Leased
from app.outcome import Delivered, Hold, Outcome, Rejected, Retryable, Unavailable, reason
from app.sender import Landed
from app.throttle import fingerprint

PROBE_S = 5.0


class Breaker:
    """Holds or pauses the destination when it is to blame; `held` says why.

    After a hold a `careful` pump sends one delivery at a time until one is taken, which ends the
    caution of all.
    """

    def __init__(self, lane: Lane, leased: Leased) -> None:
        self._lane = lane
        self._probes = leased.probe
        self.careful = leased.careful
        self._health = Health(fragile=leased.careful, score=leased.score)
        self.held = ""

    @property
    def slots(self) -> int:
        """How many requests may be under way."""
        one_by_one = self.careful or self._health.failing
        return 1 if one_by_one else self._lane.account.concurrency

    def score(self, unfit: int) -> Score:
        """What the next pump goes on from; a hold has settled what failed."""
        score = self._health.score(unfit)
        return replace(score, failures=0) if self.held else score

    def answers(self) -> bool:
        """Whether the destination may be sent to; after failures it is asked with its probe."""
        if not self._probes:
            return True
        lane = self._lane
        probe = lane.destination.probe(lane.account)
        spent = max(0.0, lane.account.deadline.total_seconds() - PROBE_S)
        reply = lane.client.send(probe, monotonic() - spent)
        match lane.destination.read(reply, probe):
            case Delivered():
                return True
            case Unavailable(why, after, cause):
                self.hold(Hold(why, after, cause))
            case failure:
                self.hold(Hold(reason(failure) or "the probe failed"))
        return False

    def weighed(self, landed: Landed) -> Outcome:
        """The outcome for the deliveries of a request, once it is known whose fault it is.

        What fails again though the destination took others since is at fault itself: it may be
        tried again, later. The destination is held as soon as it is to blame. Until it takes
        something after a hold, it alone is.
        """
        outcome, sent = landed.outcome, landed.sent
        if self.careful and isinstance(outcome, Retryable) and _are_repeatable(sent):
            outcome = Unavailable(outcome.why, outcome.after)
        blamed = isinstance(outcome, Unavailable) and self._blames(landed, outcome)
        if isinstance(outcome, Delivered):
            self._health.answered(landed.exchange.began_at)
        to_be_split = isinstance(outcome, Rejected) and len(sent) > 1
        if not blamed and not to_be_split:
            self._weigh(outcome, sent)
        if self.careful and isinstance(outcome, Delivered) and self._lane.throttle.clear():
            self.careful = self._health.fragile = False
        if isinstance(outcome, Unavailable) and blamed:
            return Retryable(outcome.why, outcome.after)
        return outcome

    def _weigh(self, outcome: Outcome, sent: Sequence[Prepared]) -> None:
        first = self.careful or any(not one.head.delivery.attempts for one in sent)
        if hold := self._health.after(outcome, first=first):
            self.hold(hold)

    def hold(self, hold: Hold) -> None:
        """Hold the destination for a time, or pause it until an operator has looked at it."""
        self.held = self.held or hold.why
        throttle = self._lane.throttle
        match hold.cause:
            case "down" | "throttled":
                throttle.hold(hold.why, hold.after, hold.cause)
            case "credentials":
                digest_key = self._lane.log.layout.digest_key
                refused = fingerprint(self._lane.account, digest_key)
                throttle.pause("relay", hold.why, refused, hold.cause)
            case "refusals":
                throttle.pause("relay", hold.why, cause=hold.cause)
            case _ as never:
                assert_never(never)

    def _blames(self, landed: Landed, outcome: Unavailable) -> bool:
        """Only an answer to what may be repeated can be an event's own fault."""
        exchange = landed.exchange
        if not isinstance(exchange.reply, Answer) or not _are_repeatable(landed.sent):
            return False
        if outcome.cause != "down":
            return False
        names = map(_name, landed.sent)
        blamed = self._health.blames(names, exchange.began_at, exchange.ended_at)
        return blamed and not self.careful


def _are_repeatable(sent: Sequence[Prepared]) -> bool:
    return all(one.item.repeatable for one in sent)


def _name(prepared: Prepared) -> tuple[int, str]:
    return prepared.head.partition, prepared.head.entry
