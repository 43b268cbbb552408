"""What was used at the pretend Kana: in order, in total, and by period."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DECEMBER = 12

Moment = Annotated[datetime, Meta(tz=True)]
Delta = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class Usage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A usage event that was recorded. One that set the total says so in `action`."""

    user_id: str
    feature_id: str
    delta: Delta
    at: Moment
    action: Literal["ADD", "SET"] = "ADD"


class Ledger:
    """Every usage that was recorded. Nothing bounds it.

    A period is a calendar month in UTC, and what is used counts from 0 in each.
    """

    def __init__(self) -> None:
        self._recorded: list[Usage] = []
        self._totals: dict[str, Counter[str]] = {}
        self._periods: dict[str, dict[str, Counter[datetime]]] = {}

    @property
    def count(self) -> int:
        return len(self._recorded)

    @property
    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """What was used in all periods, by user and feature."""
        return self._totals

    def newest(self, limit: int | None = None) -> list[Usage]:
        """At most so many (None: all), oldest first."""
        return list(islice(reversed(self._recorded), limit))[::-1]

    def features(self) -> list[str]:
        return list(dict.fromkeys(name for used in self._totals.values() for name in used))

    def record(self, usage: Usage) -> None:
        """SET makes the delta all that was used in the period."""
        periods = self._periods.setdefault(usage.user_id, {})
        period = periods.setdefault(usage.feature_id, Counter())
        start = month(usage.at)[0]
        added = usage.delta - (period[start] if usage.action == "SET" else 0)
        period[start] += added
        self._totals.setdefault(usage.user_id, Counter())[usage.feature_id] += added
        self._recorded.append(usage)

    def used(self, user_id: str, feature_id: str, at: datetime) -> int:
        """What was used in the period that the moment lies in."""
        return self._of(user_id, feature_id)[month(at)[0]]

    def past(self, user_id: str, feature_id: str, at: datetime) -> list[tuple[datetime, int]]:
        """Start and total of each earlier period in which there was usage, newest first."""
        current = month(at)[0]
        earlier = [each for each in self._of(user_id, feature_id).items() if each[0] < current]
        return sorted(earlier, reverse=True)

    def move(self, former_id: str, user_id: str) -> None:
        """What one used is another's from now on, who may have used something too."""
        self._totals.setdefault(user_id, Counter()).update(self._totals.pop(former_id, {}))
        periods = self._periods.setdefault(user_id, {})
        for feature_id, used in self._periods.pop(former_id, {}).items():
            periods.setdefault(feature_id, Counter()).update(used)

    def _of(self, user_id: str, feature_id: str) -> Counter[datetime]:
        return self._periods.get(user_id, {}).get(feature_id) or Counter()


def month(at: datetime) -> tuple[datetime, datetime]:
    """Start and end of the period that the moment lies in."""
    moment = at.astimezone(UTC)
    years, month_index = divmod(moment.month, DECEMBER)
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return start, datetime(moment.year + years, month_index + 1, 1, tzinfo=UTC)
