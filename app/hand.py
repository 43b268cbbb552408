"""What a pump has read and not yet settled, and which of it goes into the next request. No I/O."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from app.destination import Batch, Item
from app.log import Head


@dataclass(frozen=True, slots=True)
class Prepared:
    """A head whose event has been transformed."""

    head: Head
    item: Item

    @property
    def user(self) -> str:
        return self.head.delivery.user


class Hand:
    """Deliveries in the hand of a pump: they wait, or a request with them is under way.

    A user has at most one request under way, so that each user's events arrive in order.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._waiting: deque[Prepared] = deque()
        self._parts: deque[Sequence[Prepared]] = deque()
        self._busy: Counter[str] = Counter()
        self._retries: Counter[int] = Counter()

    @property
    def waiting(self) -> int:
        """How many wait for a request."""
        return len(self._waiting) + sum(map(len, self._parts))

    @property
    def is_empty(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return not self.waiting and not self._busy

    def retries(self, partition: int) -> int:
        """How many retries of a partition are in hand; they are not to be read again."""
        return self._retries[partition]

    def add(self, prepared: Prepared) -> None:
        self._waiting.append(prepared)
        self._count_retries([prepared], 1)

    def take(self) -> Sequence[Prepared]:
        """The deliveries of the next request, empty when none may go; they are then under way.

        An item that is too large by itself goes alone: only the destination knows its real limit.
        """
        chosen = self._next_part() or self._next_batch()
        self._busy.update(prepared.user for prepared in chosen)
        return chosen

    def put_back(self, under_way: Sequence[Prepared]) -> None:
        """They were not sent after all, and go first again."""
        self._free(under_way)
        self._parts.appendleft(under_way)

    def split(self, refused: Sequence[Prepared]) -> None:
        """A request was refused for one of these; each half goes by itself, before all others."""
        self._free(refused)
        middle = len(refused) // 2
        self._parts.extendleft((refused[middle:], refused[:middle]))

    def withdraw(self, user: str) -> list[Prepared]:
        """Let go of all that waits of a user, in order."""
        mine = [one for part in self._parts for one in part if one.user == user]
        mine += [one for one in self._waiting if one.user == user]
        parts = ([one for one in part if one.user != user] for part in self._parts)
        self._parts = deque(part for part in parts if part)
        self._waiting = deque(one for one in self._waiting if one.user != user)
        self._count_retries(mine, -1)
        return mine

    def finish(self, under_way: Sequence[Prepared]) -> None:
        """They are settled, or stay where they are in the log."""
        self._free(under_way)
        self._count_retries(under_way, -1)

    def _next_part(self) -> Sequence[Prepared]:
        """The first part that is left from a split, unless one of its users is under way."""
        if not self._parts or any(self._busy[prepared.user] for prepared in self._parts[0]):
            return ()
        return self._parts.popleft()

    def _next_batch(self) -> Sequence[Prepared]:
        reserved = {prepared.user for part in self._parts for prepared in part}
        chosen: list[Prepared] = []
        passed: list[Prepared] = []
        size = len("[]")
        while self._waiting and len(chosen) < self._batch.items_max:
            prepared = self._waiting[0]
            grown = size + len(prepared.item.body) + len(",")
            if chosen and grown > self._batch.bytes_max:
                break
            self._waiting.popleft()
            if self._busy[prepared.user] or prepared.user in reserved:
                reserved.add(prepared.user)
                passed.append(prepared)
            else:
                chosen.append(prepared)
                size = grown
        self._waiting.extendleft(reversed(passed))
        return chosen

    def _free(self, under_way: Sequence[Prepared]) -> None:
        self._busy.subtract(prepared.user for prepared in under_way)
        self._busy += Counter()

    def _count_retries(self, prepared: Sequence[Prepared], sign: int) -> None:
        for one in prepared:
            if one.head.place == "late":
                self._retries[one.head.partition] += sign
