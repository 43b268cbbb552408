"""What reading the dead letters of a destination finds: groups, pages, opened letters. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.dead_letters.burial import Burial
from app.dead_letters.index import Buried
from app.dead_letters.letters import Letter
from app.delivery import Delivery

MICROSECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """What failed alike; moments in ms since the epoch, `sample` is the id of the newest letter.

    `message` and `status` are those of the first letter.
    """

    id: str
    reason: str
    message: str
    status: int | None
    count: int
    first_at: int
    last_at: int
    sample: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some letters, the newest first; None as `next_cursor` says that there are no more.

    They are what matched of the `looked` letters that it looked at.
    """

    items: tuple[Buried, ...]
    next_cursor: str | None
    looked: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """A page of an index: what matches of the `looked` letters that it names up to `end`."""

    found: Sequence[Buried]
    looked: int
    end: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A letter with its delivery: the event and all attempts."""

    key: str
    at: int
    letter: Letter
    delivery: Delivery

    @property
    def id(self) -> str:
        return Burial(self.key, self.at).id


@dataclass(frozen=True, slots=True)
class Lying:
    """A letter as the store keeps it."""

    at: int
    packed: bytes
    payload: bytes


def merged(pages: Mapping[str, Page], limit: int) -> tuple[list[tuple[str, Buried]], str | None]:
    """The pages of several destinations as one: as far as all of them reach, then a cursor."""
    ends = [int(page.next_cursor) for page in pages.values() if page.next_cursor is not None]
    found = sorted(
        ((id_, one) for id_, page in pages.items() for one in page.items),
        key=lambda pair: pair[1].at,
        reverse=True,
    )
    if len(found) > limit:
        ends.append(found[limit - 1][1].at)
    end = max(ends, default=0)
    return [pair for pair in found if pair[1].at >= end], str(end) if ends else None


def newest(_count: int, _first: object, last: Sequence[tuple[bytes, float]]) -> float:
    return last[0][1]


def group(
    id_: str,
    letter: Letter,
    count: int,
    first: Sequence[tuple[bytes, float]],
    last: Sequence[tuple[bytes, float]],
) -> Group:
    ((_, first_at),), ((sample, last_at),) = first, last
    moments = int(first_at) // MICROSECONDS, int(last_at) // MICROSECONDS
    about = letter.reason, letter.message, letter.status
    return Group(id_, *about, count, *moments, Burial(sample.decode(), int(last_at)).id)
