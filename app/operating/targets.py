"""Which letters of a destination a verb is about: how many, and of which to know before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from app.dead_letters import Buried, DeadLetters, End, Filter, unheard
from app.operating.refusals import Wrong
from app.replays import IDS_MAX, UNCONFIRMED, Chosen

NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class DiscardSurvey:
    """What a discard would take: `unconfirmed` of the `count` may have been recorded already.

    `before` is the place after the newest letter: what is buried later is not of them. `first`
    are the ids of the oldest, at most ten.
    """

    count: int
    unconfirmed: int
    before: int
    first: tuple[str, ...] = ()


def described(chosen: Chosen) -> str:
    """The filter in words, or how many letters are named."""
    if isinstance(chosen, Filter):
        return ", ".join(f"{name} {value}" for name, value in chosen.written().items()) or "all"
    return f"{len(chosen)} by id"


def surveyed(
    letters: DeadLetters, chosen: Chosen, looked: Callable[[int], None] = unheard
) -> DiscardSurvey:
    """Looks through the letters once at most. Raises Wrong for more ids than one call takes."""
    before = letters.end()
    if not isinstance(chosen, Filter):
        return _counted([letters.named(_bounded(chosen))], before)
    known = letters.known(chosen, before)
    if known is None:
        looks = letters.looks(chosen, before, looked=looked)
        return _counted((one.found for one in looks), before)
    doubtful = known if chosen.reason == UNCONFIRMED else 0
    if chosen.reason is None:
        unnamed = msgspec.structs.replace(chosen, reason=UNCONFIRMED)
        doubtful = letters.count(unnamed, before, looked)
    first = islice(letters.scan(chosen, before), NAMED_MAX)
    return DiscardSurvey(known, doubtful, before, tuple(one.id for one in first))


def taken(chosen: Chosen, survey: DiscardSurvey) -> str:
    """What a discard takes, for its record: the filter, and the first ids of how many."""
    more = survey.count - len(survey.first)
    ids = ", ".join(survey.first) + (f" and {more:,} more" if more > 0 else "")
    return f"{described(chosen)}: {ids}" if isinstance(chosen, Filter) else ids


def discarded(
    letters: DeadLetters,
    chosen: Chosen,
    survey: DiscardSurvey,
    end: End,
    looked: Callable[[int], None],
) -> Iterator[int]:
    """Lets go of no more letters than the survey counted; how many, step by step."""
    if isinstance(chosen, Filter):
        return letters.discard_all(chosen, survey.before, end, survey.count, looked)
    return letters.discard_named(list(dict.fromkeys(chosen)), end)


def _counted(pages: Iterable[Sequence[Buried]], before: int) -> DiscardSurvey:
    count = unconfirmed = 0
    first: list[str] = []
    for found in pages:
        count += len(found)
        unconfirmed += sum(one.letter.reason == UNCONFIRMED for one in found)
        first += [one.id for one in found[: NAMED_MAX - len(first)]]
    return DiscardSurvey(count, unconfirmed, before, tuple(first))


def named(about: str) -> list[str]:
    """The ids that the record of a discard names, at most ten. Pure."""
    return about.rpartition(": ")[2].partition(" and ")[0].split(", ")


def _bounded(ids: Sequence[str]) -> Sequence[str]:
    if len(ids) > IDS_MAX:
        told = f"expected at most {IDS_MAX:,} ids, found {len(ids):,}; use a filter instead"
        raise Wrong("too_many_ids", told, "ids")
    return ids
