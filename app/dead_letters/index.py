"""The sets that name dead letters: which of them knows a filter, and what they name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from app.dead_letters.burial import Burial
from app.dead_letters.filter import Filter
from app.dead_letters.letters import Letter, decode
from app.dead_letters.walk import Entry, Span, walk
from app.keys import destination_key

PARTS_MAX = 5_000
OTHERS = "other-"


@dataclass(frozen=True, slots=True)
class Buried:
    """A letter and its key; `at` is its place in the order: microseconds, no two the same."""

    key: str
    at: int
    letter: Letter

    @property
    def id(self) -> str:
        return Burial(self.key, self.at).id


class Index:
    """What the store knows of the letters of a destination without looking at them."""

    def __init__(self, store: redis.Redis, destination: str) -> None:
        self._store = store
        self._destination = destination

    def groups(self, reason: str | None = None) -> dict[str, Letter]:
        """The groups, each with its first letter."""
        kept = cast("dict[bytes, bytes]", self._store.hgetall(self._key("dead:groups")))
        letters = ((id_.decode(), decode(packed)) for id_, packed in kept.items())
        return {id_: letter for id_, letter in letters if reason in (None, letter.reason)}

    def members(self, group: str) -> str:
        """The sorted set of a group's letters."""
        return self._key("dead:group:") + group

    def sets(self, filter_: Filter) -> list[str]:
        """The sorted sets that name what matches reason and group, and nothing else."""
        if filter_.reason is None and filter_.group is None:
            return [self._key("dead:at")]
        groups = self.groups(filter_.reason).keys()
        wanted = groups if filter_.group is None else groups & {filter_.group}
        return [self.members(group) for group in wanted]

    def entries(
        self, filter_: Filter, span: Span, step: int, *, newest_first: bool
    ) -> Iterator[list[Entry]]:
        """What the best index for a filter names, in order, about `step` at a time."""
        if filter_.message_id is None:
            yield from walk(self._store, self.sets(filter_), span, step, newest_first=newest_first)
            return
        found = sorted(self._named(filter_.message_id), reverse=newest_first)
        if within := [entry for entry in found if entry[0] in span]:
            yield within

    def read(self, filter_: Filter, entries: Sequence[Entry]) -> list[Buried]:
        """The letters of these entries that match, under the groups that they lie in."""
        if not entries:
            return []
        packed = self._store.hmget(self._key("dead"), [key for _, key in entries])
        found = [
            Buried(key, at, decode(one))
            for (at, key), one in zip(entries, cast("list[bytes | None]", packed), strict=True)
            if one is not None
        ]
        named = self._grouped([one for one in found if filter_.matches(one.letter)])
        return [one for one in named if filter_.group in (None, one.letter.group)]

    def lying(self, burials: Sequence[Burial]) -> list[Buried]:
        """The letters of those burials that nothing has moved since."""
        places = self._store.zmscore(self._key("dead:at"), [one.key for one in burials])
        still = zip(burials, places, strict=True)
        return self.read(Filter(), [(one.at, one.key) for one, place in still if place == one.at])

    def _named(self, message_id: str) -> list[Entry]:
        """The letters of a message id and of its parts."""
        ids = self._key("dead:ids")
        pipe = self._store.pipeline(transaction=False)
        for first, end in (("\0", "\1"), ("#", "$")):
            pipe.zrangebylex(ids, f"[{message_id}{first}", f"({message_id}{end}", 0, PARTS_MAX)
        own = re.compile(re.escape(message_id) + r"(?:#\d+)?\0(.+)")
        names = (name.decode() for answer in pipe.execute() for name in answer)
        keys = [match[1] for name in names if (match := own.fullmatch(name))]
        scores = self._store.zmscore(self._key("dead:at"), keys) if keys else []
        placed = zip(scores, keys, strict=True)
        return [(int(score), key) for score, key in placed if score is not None]

    def _grouped(self, found: list[Buried]) -> list[Buried]:
        """Where groups are too many, some letters lie in that of all others of their reason."""
        if not found:
            return []
        names = cast("list[bytes]", self._store.hkeys(self._key("dead:groups")))
        if not any(name.startswith(OTHERS.encode()) for name in names):
            return found
        pipe = self._store.pipeline(transaction=False)
        for one in found:
            pipe.zscore(self.members(one.letter.group), one.key)
        scores = cast("list[float | None]", pipe.execute())
        pairs = zip(found, scores, strict=True)
        return [_among_others(one) if score is None else one for one, score in pairs]

    def _key(self, name: str) -> str:
        return destination_key(self._destination, name)


def _among_others(one: Buried) -> Buried:
    letter = msgspec.structs.replace(one.letter, group=OTHERS + one.letter.reason)
    return Buried(one.key, one.at, letter)
