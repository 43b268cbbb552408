"""Which letters of a destination a verb is about: how many, and of which to know before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import msgspec

from app.dead_letters import DeadLetters, End, Filter, unheard
from app.operating.refusals import Wrong
from app.replays import IDS_MAX, UNCONFIRMED, Chosen

NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class DiscardSurvey:
    """What a discard would take: `unconfirmed` of the `count` may have been recorded already.

    `before` is the place after the newest letter: what is buried later is not of them.
    """

    count: int
    unconfirmed: int
    before: int


@dataclass(frozen=True, slots=True)
class Target:
    """The letters in words, and what lets go of them step by step and tells how many."""

    about: str
    steps: Callable[[End], Iterator[int]]


def described(chosen: Chosen) -> str:
    """The filter in words, or how many letters are named."""
    if isinstance(chosen, Filter):
        return ", ".join(f"{name} {value}" for name, value in chosen.written().items()) or "all"
    return f"{len(chosen)} by id"


def surveyed(
    letters: DeadLetters, chosen: Chosen, looked: Callable[[int], None] = unheard
) -> DiscardSurvey:
    """Raises Wrong for more ids than one call takes."""
    before = letters.end()
    if not isinstance(chosen, Filter):
        found = letters.named(_bounded(chosen))
        doubtful = sum(one.letter.reason == UNCONFIRMED for one in found)
        return DiscardSurvey(len(found), doubtful, before)
    unconfirmed = 0
    if chosen.reason in (None, UNCONFIRMED):
        unnamed = msgspec.structs.replace(chosen, reason=UNCONFIRMED)
        unconfirmed = letters.count(unnamed, before, looked)
    return DiscardSurvey(letters.count(chosen, before, looked), unconfirmed, before)


def target(letters: DeadLetters, chosen: Chosen, survey: DiscardSurvey) -> Target:
    if not isinstance(chosen, Filter):
        ids = list(dict.fromkeys(_bounded(chosen)))
        return Target(_some(ids[:NAMED_MAX], len(ids)), partial(letters.discard_named, ids))
    first = [one.id for one in islice(letters.scan(chosen, survey.before), NAMED_MAX)]
    about = f"{described(chosen)}: {_some(first, survey.count)}"
    return Target(about, partial(letters.discard_all, chosen, survey.before))


def named(about: str) -> list[str]:
    """The ids that the record of a discard names, at most ten. Pure."""
    return about.rpartition(": ")[2].partition(" and ")[0].split(", ")


def _bounded(ids: Sequence[str]) -> Sequence[str]:
    if len(ids) > IDS_MAX:
        told = f"expected at most {IDS_MAX:,} ids, found {len(ids):,}; use a filter instead"
        raise Wrong("too_many_ids", told, "ids")
    return ids


def _some(ids: Sequence[str], count: int) -> str:
    more = count - len(ids)
    return ", ".join(ids) + (f" and {more:,} more" if more > 0 else "")
