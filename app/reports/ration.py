"""How much one process may report: a little of each kind, and not much of all together."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

OF_EACH, EACH_AGAIN_S = 3, 600.0
OF_ALL, ALL_AGAIN_S = 60, 60.0
KINDS_MAX = 500


@dataclass(slots=True)
class Bucket:
    """Tokens that are taken at once and come back one by one."""

    most: int
    again_s: float
    left: float
    at: float

    def fill(self, now: float) -> None:
        self.left = min(self.most, self.left + (now - self.at) / self.again_s)
        self.at = now


class Ration:
    """Whether one more may go; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._all = Bucket(OF_ALL, ALL_AGAIN_S, OF_ALL, clock())
        self._kinds: OrderedDict[str, Bucket] = OrderedDict()

    def allows(self, kind: str) -> bool:
        """Take one for this kind, if one is left; kinds unheard for longest are let go."""
        now = self._clock()
        one = self._kinds.pop(kind, None) or Bucket(OF_EACH, EACH_AGAIN_S, OF_EACH, now)
        self._kinds[kind] = one
        if len(self._kinds) > KINDS_MAX:
            self._kinds.popitem(last=False)
        one.fill(now)
        self._all.fill(now)
        if one.left < 1 or self._all.left < 1:
            return False
        one.left -= 1
        self._all.left -= 1
        return True
