"""How a destination stands: its state in a word, and what keeps its deliveries from flowing."""

from dataclasses import dataclass
from typing import Literal

from app import backlog
from app.ledger import Census
from app.settings import DestinationSettings
from app.settled import Latency
from app.throttle import State
from app.timestamps import instant
from app.wake import queue_name

LONG_MS = 60_000
REASON_MAX = 80
DRY_RUN = "dry run: what comes is shown and skipped, nothing is sent"

Word = Literal["delivering", "throttled", "paused", "broken", "unattended", "orphaned"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one destination.

    `served` tells that a worker consumes its queue, `configured` that the settings name it, and
    `renewed` that its credentials are not those any more that were refused.
    """

    account: DestinationSettings
    census: Census
    throttle: State
    latency: Latency
    served: bool
    configured: bool = True
    renewed: bool = False

    @property
    def rate(self) -> float | None:
        """Deliveries per second at most, as it stands now; None for no limit."""
        limited = self.throttle.limited_rate
        return self.account.rate if limited is None else limited


def state(standing: Standing) -> tuple[Word, str]:
    """The state in a word, and the reason when it does not just deliver."""
    throttle, name = standing.throttle, standing.account.id
    if not standing.configured:
        return "orphaned", f"the settings name no destination {name}: what it has stays"
    if throttle.paused_by:
        return "paused", _paused(standing)
    if not standing.served:
        return "unattended", f"no worker consumes the queue {queue_name(standing.account.queue)}"
    if throttle.failures and throttle.cause != "throttled":
        return "broken", f"{_awaited(throttle)}: {throttle.held_why}"
    if throttle.held_until is not None and throttle.cause == "rate":
        return "throttled", f"its rate is used up until {instant(throttle.held_until)}"
    if throttle.held_until is not None or throttle.failures:
        return "throttled", f"{_awaited(throttle)}: {throttle.held_why}"
    return "delivering", DRY_RUN if standing.account.dry_run else ""


def resumption(standing: Standing) -> str:
    """What ends a pause, and what to look at before."""
    name = standing.account.id
    resume = f"relay destinations resume {name}"
    if standing.throttle.paused_cause != "refusals":
        return resume
    return f"look: relay dead-letters groups --destination {name}; then {resume}"


def standstill(standing: Standing, now: int) -> str:
    """Why no delivery can flow though a worker is there; empty when one can, or soon."""
    word, reason = state(standing)
    until = standing.throttle.held_until
    held_for_long = until is not None and until - now > LONG_MS
    if word in ("paused", "broken") or (word == "throttled" and held_for_long):
        told = reason if len(reason) <= REASON_MAX else "its reason stands under it"
        return f"{standing.account.id} is {word}: {told}"
    return ""


def backlog_high(standing: Standing, now: int) -> str:
    """Which mark its backlog has crossed; empty when none."""
    if not standing.configured:
        return ""
    return backlog.high(standing.account, standing.census, now)


def _paused(standing: Standing) -> str:
    throttle = standing.throttle
    since = "" if throttle.paused_at is None else f" since {instant(throttle.paused_at)}"
    by = "an operator" if throttle.paused_by == "operator" else "the relay"
    renewed = "the credentials have changed since: " if standing.renewed else ""
    why = f": {throttle.paused_why}" if throttle.paused_why else ""
    return f"by {by}{since}{why}; {renewed}{resumption(standing)}"


def _awaited(throttle: State) -> str:
    """What happens next to a destination that failed."""
    if throttle.held_until is not None:
        return f"held until {instant(throttle.held_until)}"
    return "one pump tries it now" if throttle.probing else "the next pump tries it"
