"""Appending to the log: what ingest hands over, where it goes, and how a repeat is recognised."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from time import monotonic
from typing import cast
from zlib import crc32

import redis.asyncio
from redis.exceptions import NoScriptError, OutOfMemoryError

from app import scripts
from app.keys import DESTINATIONS, destination_key
from app.scripts import STORE_CLOCK, Argument
from app.settings import DestinationSettings

DIGEST_KEY_BYTES = 16
MEMORY_MARK = 0.9
APPENDED_AT_ONCE = 250  # while the store appends them it answers nobody else
LOOK_EVERY_S = 1.0
LAYOUT_FIELDS = ["partitions", "digest_key"]
_DIGEST_BITS_OFFSET = 1 << 63


@dataclass(frozen=True, slots=True)
class Admission:
    """An accepted event for one destination; `event` is its JSON, `user` the key of its order.

    What is `bulk` goes after what is live.
    """

    id: str
    source: str
    user: str
    event: bytes
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """`duplicates` are the indexes of admissions that were there already."""

    duplicates: frozenset[int]
    wake: bool

    def with_next(self, next_: "Appended", first: int) -> "Appended":
        """This and what came of the admissions from `first` on."""
        later = {first + index for index in next_.duplicates}
        return Appended(self.duplicates | later, self.wake or next_.wake)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is fixed when a destination is created: its partitions, and the key of its digests.

    There are as many partitions again for what is bulk; they follow the others.
    """

    partitions: int
    digest_key: bytes

    @property
    def total(self) -> int:
        """All partitions, for live deliveries and for bulk."""
        return 2 * self.partitions

    @classmethod
    def read(cls, partitions: bytes, digest_key: bytes) -> "Layout":
        return cls(int(partitions), bytes.fromhex(digest_key.decode()))

    @classmethod
    def proposed(cls, account: DestinationSettings) -> dict[str, Argument]:
        return {
            "partitions": account.partitions,
            "digest_key": token_bytes(DIGEST_KEY_BYTES).hex(),
        }

    def partition(self, user: str, *, bulk: bool = False) -> int:
        return crc32(user.encode()) % self.partitions + bulk * self.partitions

    def is_bulk(self, partition: int) -> bool:
        return partition >= self.partitions

    def digest(self, source: str, message_id: str) -> tuple[int, int]:
        """The bits that choose a bucket, and the signed 64 bits that are kept in it."""
        name = f"{source}\0{message_id}".encode()
        hashed = blake2b(name, digest_size=16, key=self.digest_key).digest()
        kept = int.from_bytes(hashed[8:]) - _DIGEST_BITS_OFFSET
        return int.from_bytes(hashed[:4]), kept


def append_arguments(
    account: DestinationSettings, layout: Layout, admissions: Sequence[Admission]
) -> list[Argument]:
    """The arguments of append.lua after the clock's."""
    window_ms = int(account.dedupe_window.total_seconds() * 1000)
    arguments: list[Argument] = [window_ms, account.pumps]
    for admission in admissions:
        arguments.extend(_arguments(layout, admission))
    return arguments


def _arguments(layout: Layout, admission: Admission) -> Iterator[Argument]:
    yield layout.partition(admission.user, bulk=admission.bulk)
    yield from layout.digest(admission.source, admission.id)
    yield admission.id
    yield admission.source
    yield admission.user
    yield admission.event


def appended(answer: Sequence[int]) -> Appended:
    """What append.lua answered."""
    return Appended(frozenset(answer[1:]), wake=answer[0] == 1)


class AsyncLog:
    """The log as ingest sees it: append to several destinations in one round trip."""

    def __init__(
        self, store: redis.asyncio.Redis, accounts: Mapping[str, DestinationSettings]
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._layouts: dict[str, Layout] = {}
        self._look_at = 0.0
        self._full = False

    async def open(self) -> None:
        """Create what the destinations need in the store. Safe to repeat."""
        for account in self._accounts.values():
            meta = destination_key(account.id, "meta")
            async with self._store.pipeline(transaction=False) as pipe:
                pipe.hset(DESTINATIONS, account.id, account.kind)
                for name, value in Layout.proposed(account).items():
                    pipe.hsetnx(meta, name, value)
                pipe.hmget(meta, LAYOUT_FIELDS)
                kept = (await pipe.execute())[-1]
            self._layouts[account.id] = Layout.read(*kept)
        await self._store.script_load(scripts.source("append"))

    async def append(self, admissions: Mapping[str, Sequence[Admission]]) -> dict[str, Appended]:
        """Append to each destination its admissions; one round trip.

        Raises redis.RedisError when the store has not confirmed all of them. To append them again
        is safe: what is there already comes back as a duplicate. OutOfMemoryError comes before the
        store is full, so that wakes and whatever drains it find room.
        """
        await self._look_at_memory()
        try:
            return await self._append(admissions)
        except NoScriptError:
            await self._store.script_load(scripts.source("append"))
            return await self._append(admissions)

    async def _look_at_memory(self) -> None:
        """Refuse above the memory mark, which is looked at once a second."""
        if monotonic() >= self._look_at:
            memory = await self._store.info("memory")
            self._look_at = monotonic() + LOOK_EVERY_S
            limit = memory["maxmemory"]
            self._full = limit > 0 and memory["used_memory"] > MEMORY_MARK * limit
        if self._full:
            raise OutOfMemoryError(f"the store has used {MEMORY_MARK:.0%} of its maxmemory")

    async def _append(self, admissions: Mapping[str, Sequence[Admission]]) -> dict[str, Appended]:
        calls = [
            (destination, first)
            for destination, batch in admissions.items()
            for first in range(0, max(1, len(batch)), APPENDED_AT_ONCE)
        ]
        async with self._store.pipeline(transaction=False) as pipe:
            for destination, first in calls:
                account, layout = self._accounts[destination], self._layouts[destination]
                keys = [destination_key(destination, name) for name in scripts.keys("append")]
                some = admissions[destination][first : first + APPENDED_AT_ONCE]
                arguments = append_arguments(account, layout, some)
                pipe.evalsha(scripts.digest("append"), len(keys), *keys, STORE_CLOCK, *arguments)
            answers = cast("list[list[int]]", await pipe.execute())
        found = dict.fromkeys(admissions, Appended(frozenset(), wake=False))
        for (destination, first), answer in zip(calls, answers, strict=True):
            found[destination] = found[destination].with_next(appended(answer), first)
        return found
