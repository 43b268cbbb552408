"""When failures are the destination's, and when they are an event's own. Pure."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from app.outcome import Delivered, Hold, Outcome, Rejected, Retryable, Unavailable, Unconfirmed

FAILURES_MAX = 5
FAILURES_MAX_FRAGILE = 3
REFUSALS_MAX = 20
REFUSALS_KEPT_MAX = 15  # who resumes a destination does not risk as many again


@dataclass(frozen=True, slots=True)
class Score:
    """What pumps leave to the next, so that slow traffic counts as much as a burst does.

    How many more requests failed than were taken, were refused than taken, and how many more
    events became no request than became one.
    """

    failures: int = 0
    refusals: int = 0
    unfit: int = 0

    @classmethod
    def read(cls, kept: str) -> "Score":
        return cls(*map(int, kept.split()))

    def __str__(self) -> str:
        return f"{self.failures} {self.refusals} {self.unfit}"


NO_SCORE = Score()


class Health:
    """What requests came to, on from a score. Failures and refusals count up, successes down.

    `fragile` is a destination that has just been down: it is held again sooner.
    """

    def __init__(self, *, fragile: bool = False, score: Score = NO_SCORE) -> None:
        self.fragile = fragile
        self.failing = score.failures > 0
        self._failed_before = score.failures
        self._failures: list[Unavailable | Retryable | Unconfirmed] = []
        self._refusals = score.refusals
        self._failed_at: dict[Hashable, int] = {}
        self._answered_at = 0

    def score(self, unfit: int) -> Score:
        """What the next pump goes on from."""
        failures = self._failed_before + len(self._failures)
        return Score(failures, min(self._refusals, REFUSALS_KEPT_MAX), unfit)

    def answered(self, began_at: int) -> None:
        """A call that began then (ms since the epoch) was a success."""
        self._answered_at = max(self._answered_at, began_at)

    def after(self, outcome: Outcome, *, first: bool) -> Hold | None:
        """The hold that follows, if one does.

        `first` tells that this was a first attempt: what has failed before says more of itself
        than of the destination, so that it does not count as a failure.
        """
        match outcome:
            case Delivered():
                self.failing = False
                self._forgive()
                self._refusals = max(0, self._refusals - 1)
            case Unavailable(why, after, cause) if cause != "down":
                return Hold(why, after, cause)
            case Unavailable():
                return self._failed(outcome)
            case Retryable() | Unconfirmed() if first:
                return self._failed(outcome)
            case Rejected(why):
                self._refusals += 1
                if self._refusals >= REFUSALS_MAX:
                    return Hold(
                        f"{REFUSALS_MAX} refusals more than successes, the last: {why}",
                        cause="refusals",
                    )
        return None

    def blames(self, deliveries: Iterable[Hashable], began_at: int, ended_at: int) -> bool:
        """Whether a failure of the destination is the fault of one of these after all.

        It is when one had failed before and others were a success since, in a call that began
        later. Moments are those of the failed call, in ms since the epoch.
        """
        names = list(deliveries)
        failed = [self._failed_at[name] for name in names if name in self._failed_at]
        self._failed_at.update((name, ended_at) for name in names)
        return any(at <= self._answered_at <= began_at for at in failed)

    def _forgive(self) -> None:
        if self._failures:
            self._failures.pop()
        elif self._failed_before:
            self._failed_before -= 1

    def _failed(self, failure: Unavailable | Retryable | Unconfirmed) -> Hold | None:
        self.failing = True
        self._failures.append(failure)
        if self._failed_before + len(self._failures) < self._failures_max(failure):
            return None
        wishes = [one.after for one in self._failures if not isinstance(one, Unconfirmed)]
        return Hold(failure.why, max((wish for wish in wishes if wish), default=None))

    def _failures_max(self, failure: Unavailable | Retryable | Unconfirmed) -> int:
        """A second delivery that nobody may repeat is not put at risk to learn what it costs."""
        if not self.fragile:
            return FAILURES_MAX
        return 1 if isinstance(failure, Unconfirmed) else FAILURES_MAX_FRAGILE


class Fitness:
    """How many of the events that a pump read could become no request, more than those that could.

    Where most cannot, the destination's settings are wrong and not the events.
    """

    def __init__(self, excess: int = 0) -> None:
        self._excess = excess
        self._first = ""

    @property
    def unfit(self) -> int:
        """What the next pump goes on from."""
        return min(self._excess, REFUSALS_KEPT_MAX)

    def after(self, faults: Sequence[str], fit: int) -> tuple[int, Hold | None]:
        """How many of the events with `faults` may be buried, and the hold, if one is due.

        `fit` counts the others that were read with them. All are weighed together, for the events
        of one bad user follow each other.
        """
        self._first = self._first if self._excess else "".join(faults[:1])
        before, self._excess = self._excess, max(0, self._excess + len(faults) - fit)
        if self._excess < REFUSALS_MAX:
            return len(faults), None
        why = (
            f"{REFUSALS_MAX} events more than others became no request and were not sent: "
            f"look at the destination's settings; the first: {self._first}"
        )
        return max(1, REFUSALS_MAX - before), Hold(why, cause="refusals")
