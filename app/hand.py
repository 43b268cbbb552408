"""What a pump has read and not yet settled, and which of it goes into the next request. No I/O."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from app.destination import Batch, Item
from app.moves import Head

BULK_OWES = 3  # live deliveries for each of bulk, while both wait


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

    Live ones go first; while bulk waits too, it gets a quarter of what goes. A request has either
    live ones or bulk.
    """

    def __init__(self, batch: Batch) -> None:
        self._live, self._bulk = _Row(batch), _Row(batch)
        self._items_max = batch.items_max
        self._retries: Counter[int] = Counter()
        self._owed_to_live = 0

    @property
    def waiting(self) -> int:
        """How many wait for a request."""
        return self._live.waiting + self._bulk.waiting

    @property
    def is_empty(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return self._live.is_empty and self._bulk.is_empty

    def waiting_of(self, *, bulk: bool) -> int:
        """How many live ones, or of bulk, wait for a request."""
        return (self._bulk if bulk else self._live).waiting

    def retries(self, partition: int) -> int:
        """How many retries of a partition are in hand; they are not to be read again."""
        return self._retries[partition]

    def add(self, prepared: Prepared) -> None:
        self._row(prepared.head).add(prepared)
        self._count_retries([prepared], 1)

    def take(self, *, bulk: bool = True, one: bool = False) -> Sequence[Prepared]:
        """The deliveries of the next request, empty when none may go; they are then under way.

        Without `bulk` only live ones; with `one` a single one, unless parts are left from a split.
        An item that is too large by itself goes alone: only the destination knows its real limit.
        """
        rows = [self._live, self._bulk] if bulk else [self._live]
        for row in rows if self._owed_to_live >= 0 else reversed(rows):
            if chosen := row.take(1 if one else self._items_max):
                self._owed_to_live += _owing(chosen)
                return chosen
        return ()

    def put_back(self, under_way: Sequence[Prepared]) -> None:
        """They were not sent after all, and go first again."""
        self._row(under_way[0].head).put_back(under_way)
        self._owed_to_live -= _owing(under_way)

    def split(self, refused: Sequence[Prepared]) -> None:
        """A request was refused for one of these; each half goes by itself, before all others."""
        self._row(refused[0].head).split(refused)

    def withdraw(self, head: Head) -> list[Prepared]:
        """Let go of all that waits of a user behind this, in order."""
        mine = self._row(head).withdraw(head.delivery.user)
        self._count_retries(mine, -1)
        return mine

    def finish(self, under_way: Sequence[Prepared]) -> None:
        """They are settled, or stay where they are in the log."""
        self._row(under_way[0].head).free(under_way)
        self._count_retries(under_way, -1)
        if not (self._live.waiting and self._bulk.waiting):
            self._owed_to_live = 0

    def _row(self, head: Head) -> "_Row":
        return self._bulk if head.bulk else self._live

    def _count_retries(self, prepared: Sequence[Prepared], sign: int) -> None:
        for one in prepared:
            if one.head.place == "late":
                self._retries[one.head.partition] += sign


def _owing(taken: Sequence[Prepared]) -> int:
    """What the turns of live and bulk come to: three live deliveries make up for one of bulk."""
    return BULK_OWES * len(taken) if taken[0].head.bulk else -len(taken)


class _Row:
    """What goes in order: a user has at most one request under way."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._waiting: deque[Prepared] = deque()
        self._parts: deque[Sequence[Prepared]] = deque()
        self._busy: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return len(self._waiting) + sum(map(len, self._parts))

    @property
    def is_empty(self) -> bool:
        return not self.waiting and not self._busy

    def add(self, prepared: Prepared) -> None:
        self._waiting.append(prepared)

    def take(self, items_max: int) -> Sequence[Prepared]:
        chosen = self._next_part() or self._next_batch(items_max)
        self._busy.update(prepared.user for prepared in chosen)
        return chosen

    def put_back(self, under_way: Sequence[Prepared]) -> None:
        self.free(under_way)
        self._parts.appendleft(under_way)

    def split(self, refused: Sequence[Prepared]) -> None:
        self.free(refused)
        middle = len(refused) // 2
        self._parts.extendleft((refused[middle:], refused[:middle]))

    def withdraw(self, user: str) -> list[Prepared]:
        mine = [one for part in self._parts for one in part if one.user == user]
        mine += [one for one in self._waiting if one.user == user]
        parts = ([one for one in part if one.user != user] for part in self._parts)
        self._parts = deque(part for part in parts if part)
        self._waiting = deque(one for one in self._waiting if one.user != user)
        return mine

    def free(self, under_way: Sequence[Prepared]) -> None:
        self._busy.subtract(prepared.user for prepared in under_way)
        self._busy += Counter()

    def _next_part(self) -> Sequence[Prepared]:
        """The first part that is left from a split, unless one of its users is under way."""
        if not self._parts or any(self._busy[prepared.user] for prepared in self._parts[0]):
            return ()
        return self._parts.popleft()

    def _next_batch(self, items_max: int) -> Sequence[Prepared]:
        reserved = {prepared.user for part in self._parts for prepared in part}
        chosen: list[Prepared] = []
        passed: list[Prepared] = []
        size = len("[]")
        while self._waiting and len(chosen) < items_max:
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
