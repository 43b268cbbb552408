"""Failures and refusals in a row, and when the destination is to blame for them. Pure."""

from app.outcome import Delivered, Hold, Outcome, Rejected, Retryable, Unconfirmed

FAILURES_MAX = 5
REFUSALS_MAX = 20


class Streak:
    """What the requests of one pump came to, one after the other; a success ends a row."""

    def __init__(self) -> None:
        self._failures = 0
        self._refusals = 0

    def after(self, outcome: Outcome, *, first: bool) -> Hold | None:
        """The hold that a row has grown into, if it has.

        `first` tells that this was a first attempt: what has failed before says more of itself
        than of the destination, so it does not count as a failure.
        """
        match outcome:
            case Delivered():
                self._failures = self._refusals = 0
            case Retryable(why) | Unconfirmed(why) if first:
                self._failures += 1
                if self._failures >= FAILURES_MAX:
                    return Hold(why, None)
            case Rejected(why):
                self._refusals += 1
                if self._refusals >= REFUSALS_MAX:
                    return Hold(f"{REFUSALS_MAX} refusals in a row, the last: {why}", None)
        return None
