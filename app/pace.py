"""How many of a pump's requests may go now: the throttle says it, asked as seldom as may be."""

from collections.abc import Sequence
from time import monotonic

from app.hand import Prepared
from app.throttle import Throttle

TICK_S = 1.0

Requests = list[Sequence[Prepared]]


class Pace:
    """That of one pump: nothing may go before `send_at` (s, monotonic), or `stopped` at all."""

    def __init__(self, throttle: Throttle, token: str, *, paced: bool) -> None:
        self.send_at = 0.0
        self.stopped = False
        self._throttle = throttle
        self._token = token
        self._paced = paced
        self._ask_at = 0.0

    def begin(self, now: float, *, paced: bool) -> None:
        """From now on; `paced` when the destination has led to a rate."""
        self._paced = self._paced or paced
        self._ask_at = now + TICK_S

    def granted(self, asked: Requests) -> tuple[Requests, Requests]:
        """Which of these may go, in whole or in part, and what is left of them."""
        if not asked or self._is_free():
            return asked, []
        grant = self._throttle.take(sum(map(len, asked)), self._token)
        going, back, left = [], [], grant.granted
        for sent in asked:
            going.append(sent[:left])
            back.append(sent[left:])
            left = max(0, left - len(sent))
        self.send_at = monotonic() + grant.wait_ms / 1000
        self.stopped = self.stopped or grant.stop
        return [sent for sent in going if sent], [sent for sent in back if sent]

    def _is_free(self) -> bool:
        """Whether this pump may send without asking; it looks once a tick whether that holds."""
        if not self._paced and monotonic() >= self._ask_at:
            self._ask_at = monotonic() + TICK_S
            grant = self._throttle.take(0, self._token)
            self._paced = grant.paced or grant.stop
        return not self._paced
