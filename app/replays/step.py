"""One step of the replay that runs: how many letters may move now, which, and move them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import redis

from app.dead_letters import DeadLetters
from app.keys import destination_key
from app.replays.replay import Replay
from app.replays.survey import taken
from app.scripts import Scripts

LOOKED_MAX = 5_000
MOVED_AT_ONCE = 25
NOTHING_LEFT = "end"

Told = Literal["", "began", "ended"]


@dataclass(frozen=True, slots=True)
class News:
    """What a step did: how many letters it moved, and what is new of the replay."""

    replay: Replay
    moved: int
    told: Told


@dataclass(frozen=True, slots=True)
class Pace:
    """The right to move `count` letters after a cursor, which uses the pace up to a moment."""

    replay: str
    told: Told
    count: int
    cursor: str
    used: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Letters to move, each with the cursor after it, and the cursor after all of them."""

    letters: Sequence[tuple[str, str]]
    cursor: str

    def pieces(self) -> Iterator["Portion"]:
        """The same in pieces, so that no script holds the store up for long."""
        for first in range(0, max(1, len(self.letters)), MOVED_AT_ONCE):
            piece = self.letters[first : first + MOVED_AT_ONCE]
            is_last = first + MOVED_AT_ONCE >= len(self.letters)
            yield Portion(piece, self.cursor if is_last else piece[-1][1])


class Stepper:
    """Moves letters of one destination. A step that runs twice, or beside another, moves once."""

    def __init__(
        self, store: redis.Redis, destination: str, scripts: Scripts, letters: DeadLetters
    ) -> None:
        self._store = store
        self._destination = destination
        self._scripts = scripts
        self._letters = letters

    def pace(self) -> Pace | None:
        """What may move now; None when there is nothing to do and nothing to tell."""
        match self._scripts.run("pace"):
            case []:
                return None
            case [id_, told, count, cursor, used]:
                return Pace(id_.decode(), told.decode(), count, cursor.decode(), used.decode())
            case answer:
                raise ValueError(answer)

    def portion(self, replay: Replay, pace: Pace) -> Portion:
        """The next letters, at most as many as may move; it looks at a bounded number of them.

        It ends with as many as were counted when it began, for more may match by now.
        """
        if replay.filter is None:
            return self._named(replay, pace)
        letters: list[tuple[str, str]] = []
        looked, left = 0, max(0, replay.total - replay.replayed)
        most = min(pace.count, left)
        for look in self._letters.looks(replay.filter, replay.before, int(pace.cursor)):
            letters += [(one.key, str(one.at)) for one in taken(replay.filter, look.found)]
            looked += look.looked
            if len(letters) >= most:
                letters = letters[:most]
                return Portion(letters, NOTHING_LEFT if most == left else letters[-1][1])
            if looked >= LOOKED_MAX:
                return Portion(letters, str(look.end))
        return Portion(letters, NOTHING_LEFT)

    def move(self, pace: Pace, portion: Portion) -> int:
        """How many were moved, until another step came first or the replay was cancelled."""
        total, cursor = 0, pace.cursor
        for piece in portion.pieces():
            words = pace.replay, cursor, piece.cursor, pace.used
            letters = (key for key, _ in piece.letters)
            moved: int = self._scripts.run("replay", *words, *letters)
            if moved < 0:
                break
            total, cursor = total + moved, piece.cursor
        return total

    def _named(self, replay: Replay, pace: Pace) -> Portion:
        """The cursor is how many of the list are taken."""
        first = int(pace.cursor)
        after = first + pace.count
        key = self._key("replay:ids:") + replay.id
        found = cast("list[bytes]", self._store.lrange(key, first, after - 1))
        left = after < replay.named
        letters = [(one.decode(), str(place)) for place, one in enumerate(found, first + 1)]
        return Portion(letters, str(after) if left else NOTHING_LEFT)

    def _key(self, name: str) -> str:
        return destination_key(self._destination, name)
