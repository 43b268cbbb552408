"""The throttle of one destination, shared by all workers: its rate, holds after failures, pauses.

What changes it is logged once, by whoever changed it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal, cast

import redis
import structlog
from pydantic import SecretStr

from app.clock import Clock
from app.fingerprint import without_names
from app.health import Score
from app.outcome import Cause
from app.scripts import Scripts
from app.settings import DestinationSettings

TICK_MS = 1_000
FIRST_HOLD_MS = 1_000
FIRST_PAUSE_MS = 250  # most limits count by the second
LONGEST_HOLD_MS = 60_000
FINGERPRINT_BYTES = 8

By = Literal["operator", "relay"]

logger = structlog.get_logger("throttle")


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may be sent now; with less than was asked for, when to ask for more.

    `stop` tells that the pump may send nothing for longer than it waits, `paced` that there is a
    rate to ask for.
    """

    granted: int
    wait_ms: int
    stop: bool = False
    paced: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """How a throttle stands. Moments are in ms since the epoch; empty texts for what is not.

    `held_why` and `cause` tell why it is held or, while there are `failures`, failed last; `cause`
    is `rate` where the configured rate alone holds it. `limited_rate` is that to which its 429s
    have led. `probing` tells that one pump tries it. `credentials` is the fingerprint of those
    that were refused.
    """

    limited_rate: float | None
    held_until: int | None
    held_why: str
    cause: str
    failures: int
    probing: bool
    paused_by: By | Literal[""]
    paused_why: str
    paused_cause: str
    paused_at: int | None
    credentials: str

    @property
    def free(self) -> bool:
        """Whether any pump may send."""
        return self.held_until is None and not self.failures and not self.paused_by


class Throttle:
    """Whether a destination may be sent to, and how much."""

    def __init__(
        self,
        store: redis.Redis,
        account: DestinationSettings,
        clock: Clock | None = None,
    ) -> None:
        self._account = account
        self._rate = "" if account.rate is None else account.rate
        self._scripts = Scripts(store, account.id, clock)

    def take(self, count: int, token: str = "") -> Grant:
        """Ask to send `count` deliveries; what is granted counts as sent.

        A pump that gives its token is also told when another one alone may send.
        """
        burst = self._account.burst
        answer = self._scripts.run("take", self._rate, burst, count, TICK_MS, token)
        granted, wait_ms, stop, paced = cast("list[int]", answer)
        return Grant(granted, wait_ms, stop=stop == 1, paced=paced == 1)

    def hold(self, why: str, after: timedelta | None, cause: Cause = "down") -> int:
        """Hold the destination, at least for `after`; until when (ms since the epoch).

        `throttled` also lowers its rate, below the most that it has lately taken in a second.
        """
        wish: int | str = "" if after is None else int(after.total_seconds() * 1000)
        first = FIRST_PAUSE_MS if cause == "throttled" else FIRST_HOLD_MS
        until, news = self._scripts.run(
            "hold", wish, why, first, LONGEST_HOLD_MS, cause, self._rate
        )
        if news:
            logger.warning(
                "destination.held",
                destination=self._account.id,
                cause=cause,
                why=without_names(why),
                until=int(until),
            )
        return int(until)

    def clear(self) -> bool:
        """Forget former failures, for the destination took something; False while it is held."""
        answer: int = self._scripts.run("clear")
        if answer == 2:  # noqa: PLR2004 - as its header says
            logger.info("destination.resumed", destination=self._account.id, by="relay")
        return answer > 0

    def remember(self, score: Score) -> None:
        """Keep what the next pump goes on from."""
        self._scripts.run("remember", str(score))

    def pause(self, by: By, why: str, credentials: str = "", cause: Cause | None = None) -> bool:
        """Pause it until an operator resumes it; False when it was paused already.

        `credentials` is the fingerprint of those that were refused.
        """
        if not self._scripts.run("pause", by, why, cause or "", credentials):
            return False
        if by == "relay":
            logger.error(
                "destination.paused",
                destination=self._account.id,
                by=by,
                cause=cause,
                why=without_names(why),
            )
        else:
            logger.info("destination.paused", destination=self._account.id, by=by, why=why)
        return True

    def resume(self) -> bool:
        """End a pause; whether there was one. What the relay had paused is probed first."""
        resumed = bool(self._scripts.run("resume"))
        if resumed:
            logger.info("destination.resumed", destination=self._account.id, by="operator")
        return resumed

    def state(self) -> State:
        return decode(self._scripts.run("state", self._rate))


def decode(answer: Sequence[Any]) -> State:
    """The state that state.lua answers."""
    limited, until, why, cause, failures, probing, *paused = answer
    by, paused_why, paused_cause, at, credentials = (word.decode() for word in paused)
    return State(
        limited_rate=float(limited) if limited else None,
        held_until=int(until) if until else None,
        held_why=why.decode(),
        cause=cause.decode(),
        failures=int(failures),
        probing=probing == 1,
        paused_by=by,
        paused_why=paused_why,
        paused_cause=paused_cause,
        paused_at=int(at) if at else None,
        credentials=credentials,
    )


def fingerprint(account: DestinationSettings, key: bytes) -> str:
    """Tells whether an account's secrets have changed, and nothing else to who lacks the key."""
    values = ((name, getattr(account, name)) for name in sorted(type(account).model_fields))
    secrets = [
        f"{name}\0{value.get_secret_value()}"
        for name, value in values
        if isinstance(value, SecretStr)
    ]
    hashed = blake2b("\0".join(secrets).encode(), digest_size=FINGERPRINT_BYTES, key=key)
    return hashed.hexdigest()
