"""The sets that name dead letters: which of them knows a filter best, and what they name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from app.dead_letters.burial import Burial
from app.dead_letters.filter import Filter
from app.dead_letters.letters import Letter, decode
from app.dead_letters.walk import Entry, Scored, Source, Span, Spelled, count, walk
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


@dataclass(frozen=True, slots=True)
class Best:
    """The sources that name the fewest letters of which a filter's are some, or these `listed`.

    They are `exact` where all of them match, so that no letter has to be looked at.
    """

    sources: Sequence[Source]
    exact: bool
    listed: tuple[Entry, ...] = ()


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

    def best(self, filter_: Filter, span: Span) -> Best:
        """What names a filter's letters; of several the one that names the fewest."""
        exact = filter_.names_one
        if filter_.message_id is not None:
            return Best((), exact, tuple(self._named(filter_.message_id)))
        spelled, sets = self._spelled(filter_, span), self._sets(filter_)
        if not spelled:
            return Best(sets, exact and filter_.user is filter_.event is None)
        fewest, one = min(spelled, key=lambda pair: pair[0])
        if filter_.names_group and count(self._store, sets, span) < fewest:
            return Best(sets, exact)
        return Best([one], exact)

    def entries(
        self, best: Best, span: Span, step: int, *, newest_first: bool
    ) -> Iterator[list[Entry]]:
        """What these name, in order, at most `step` at a time."""
        yield from walk(self._store, best.sources, span, step, newest_first=newest_first)
        listed = [one for one in best.listed if one[0] in span]
        listed.sort(reverse=newest_first)
        yield from (listed[n : n + step] for n in range(0, len(listed), step))

    def count(self, best: Best, span: Span) -> int:
        """How many these name."""
        listed = sum(place in span for place, _ in best.listed)
        return listed or count(self._store, best.sources, span)

    def _sets(self, filter_: Filter) -> list[Source]:
        """The sets of what matches reason and group, and of nothing else."""
        if not filter_.names_group:
            return [Scored(self._key("dead:at"))]
        groups = self.groups(filter_.reason).keys()
        wanted = groups if filter_.group is None else groups & {filter_.group}
        return [Scored(self.members(group)) for group in wanted]

    def _spelled(self, filter_: Filter, span: Span) -> list[tuple[int, Source]]:
        """The sets by user and by event that a filter names, and how many each has of it.

        None while letters lie there that an older release buried, which kept no such sets.
        """
        named = (("dead:users", filter_.user), ("dead:events", filter_.event))
        sources = [Spelled(self._key(key), name) for key, name in named if name is not None]
        pipe = self._store.pipeline(transaction=True)
        pipe.zcard(self._key("dead:at"))
        for source in sources:
            pipe.zcard(source.key)
            source.ask_count(pipe, span)
        letters, *numbers = cast("list[int]", pipe.execute()) if sources else [0]
        told = zip(sources, numbers[::2], numbers[1::2], strict=True)
        return [(number, source) for source, all_, number in told if all_ == letters]

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
        reasons = {one.letter.reason for one in found}
        if not self._store.exists(*(self.members(OTHERS + reason) for reason in reasons)):
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
