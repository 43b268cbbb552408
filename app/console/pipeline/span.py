"""Which stretch of time a page is about, as its address says it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.dead_letters import BadFilter, Filter
from app.settings.durations import duration
from app.timestamps import instant

RANGES: Final = {"1h": "last hour", "6h": "6 h", "1d": "day", "7d": "week"}
USUAL: Final = "1d"
_AGO: Final = re.compile(r"\d{1,4}[mhd]")


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to `until`, in ms since the epoch.

    `ago` is how it was asked for when it ends now (`6h`), else empty. `faults` say what is wrong
    with the parameters that were left out.
    """

    since: int
    until: int
    ago: str
    faults: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """The parameters that ask for the same again."""
        if self.ago:
            return {"since": self.ago}
        return {"since": instant(self.since), "until": instant(self.until)}

    def at(self, now: int) -> "Span":
        """The same, where it ends now by a later clock."""
        return (
            self if not self.ago else replace(self, since=self.since + now - self.until, until=now)
        )


def span(query: Mapping[str, str], now: int) -> Span:
    """What `since` and `until` mean: moments, or for `since` a length of time such as 6h."""
    faults: list[str] = []
    told = {name: query.get(name, "").strip() for name in ("since", "until")}
    ago = told["since"] if _AGO.fullmatch(told["since"]) else ""
    found = now if not told["until"] else _moment("until", told["until"], faults)
    until = min(now if found is None else found, now)
    since = None if ago or not told["since"] else _moment("since", told["since"], faults)
    if since is None:
        since = until - _length(ago or USUAL)
    elif since >= until:
        faults.append("since: expected a moment before until, in the past")
        since = until - _length(USUAL)
    ends_now = until == now and (ago or not told["since"] or bool(faults))
    return Span(max(0, since), max(0, until), (ago or USUAL) if ends_now else "", tuple(faults))


def _moment(name: str, written: str, faults: list[str]) -> int | None:
    try:
        found = Filter.read({name: written})
    except BadFilter as bad:
        faults.append(str(bad))
        return None
    return found.since if name == "since" else found.until


def _length(written: str) -> int:
    return int(duration(written).total_seconds() * 1000)
