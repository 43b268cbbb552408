"""One append for all requests in flight: while one is under way, the next group gathers."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.append import Admission, Appended
from app.faults import named

ROUND_REQUESTS = 1000
ROUND_ADMISSIONS = 1000
ROUND_BYTES = 4 * 1024 * 1024
WAITING_BYTES = 64 * 1024 * 1024
WAIT_MIN_S = 1.0  # what an append that is under way is given at least
PAUSE_S = 0.05

Admissions = Mapping[str, Sequence[Admission]]
Append = Callable[[Admissions], Awaitable[dict[str, Appended]]]
Duplicates = dict[str, frozenset[int]]

_log = structlog.get_logger(__name__)


class NotStoredError(Exception):
    """The store has not confirmed the admissions. They may be there; to repeat them is safe."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """The admissions of one request; `confirmed` is done when nobody waits for them any more."""

    admissions: Admissions
    size: int
    confirmed: asyncio.Future[Duplicates]

    @property
    def count(self) -> int:
        return sum(map(len, self.admissions.values()))


class GroupCommit:
    """Commits the admissions of many requests together.

    `wake` is called for each destination whose append asks for it; it must not block. A request
    whose caller gave up is left out, unless its append is under way.
    """

    def __init__(
        self,
        append: Append,
        wake: Callable[[str], None],
        *,
        wait: timedelta,
        bytes_max: int = WAITING_BYTES,
    ) -> None:
        self._append = append
        self._wake = wake
        self._wait_s = max(wait.total_seconds(), WAIT_MIN_S)
        self._bytes_max = bytes_max
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0  # of all in `_waiting`, those whose callers gave up included
        self._round = ROUND_REQUESTS
        self._rounds: asyncio.Task[None] | None = None

    async def commit(self, admissions: Admissions) -> Duplicates:
        """Return once the store has confirmed all of them: the indexes of duplicates.

        Raises NotStoredError when it has not in time, or at once when too much waits already.
        """
        size = sum(len(a.event) for group in admissions.values() for a in group)
        if self._waiting and self._bytes + size > self._bytes_max:
            raise NotStoredError
        waiting = _Waiting(admissions, size, asyncio.get_running_loop().create_future())
        self._join(waiting)
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._commit_all())
        try:
            async with asyncio.timeout(self._wait_s):
                return await waiting.confirmed
        except TimeoutError:
            raise NotStoredError from None

    async def close(self) -> None:
        """Return when nothing waits any more, or when nobody would wait for it any longer."""
        if self._rounds is not None:
            await asyncio.wait({self._rounds}, timeout=self._wait_s)
            self._rounds.cancel()

    async def _commit_all(self) -> None:
        failing = False
        while group := self._next_group():
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing is confirmed
                if not failing:
                    _log.warning("append.failed", error=named(error), requests=len(group))
                failing = True
                await self._put_back(group)
            else:
                failing = False
                self._round = min(ROUND_REQUESTS, self._round * 2)

    async def _put_back(self, group: list[_Waiting]) -> None:
        """Try them again behind the others and in smaller groups.

        So a request that the store refuses soon stands alone and spoils no other.
        """
        for waiting in group:
            self._join(waiting)
        self._round = max(1, len(group) // 2)
        if len(group) == 1:
            await asyncio.sleep(PAUSE_S)

    def _join(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._bytes += waiting.size

    def _next_group(self) -> list[_Waiting]:
        """The requests of the next round; empty when nobody waits."""
        group: list[_Waiting] = []
        count = size = 0
        while self._waiting and len(group) < self._round:
            waiting = self._waiting[0]
            count, size = count + waiting.count, size + waiting.size
            if group and (count > ROUND_ADMISSIONS or size > ROUND_BYTES):
                break
            self._waiting.popleft()
            self._bytes -= waiting.size
            if waiting.confirmed.done():
                count, size = count - waiting.count, size - waiting.size
            else:
                group.append(waiting)
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        together, starts = _joined(group)
        answers = await self._append(together)
        duplicates = {name: sorted(given.duplicates) for name, given in answers.items()}
        for waiting, start in zip(group, starts, strict=True):
            if not waiting.confirmed.done():
                waiting.confirmed.set_result(_own(waiting, start, duplicates))
        for name, given in answers.items():
            if given.wake:
                self._wake(name)


def _joined(group: list[_Waiting]) -> tuple[dict[str, list[Admission]], list[dict[str, int]]]:
    """All admissions of a group, and where those of each request begin."""
    together: dict[str, list[Admission]] = {}
    starts = []
    for waiting in group:
        start = {}
        for name, admissions in waiting.admissions.items():
            joined = together.setdefault(name, [])
            start[name] = len(joined)
            joined.extend(admissions)
        starts.append(start)
    return together, starts


def _own(
    waiting: _Waiting, start: Mapping[str, int], duplicates: Mapping[str, list[int]]
) -> Duplicates:
    """The duplicates of one request by its own indexes; destinations without any are left out."""
    own = {}
    for name, first in start.items():
        if found := duplicates[name]:
            low = bisect_left(found, first)
            high = bisect_left(found, first + len(waiting.admissions[name]))
            own[name] = frozenset(index - first for index in found[low:high])
    return {name: indexes for name, indexes in own.items() if indexes}
