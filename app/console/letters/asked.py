"""What the address of a list of letters asks for, and what is wrong with it. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.console.widgets import address
from app.dead_letters import BadFilter, Filter

FIELDS: Final = ("reason", "group", "event", "user", "message_id", "since", "until")
SEARCHES: Final = ("event", "user", "message_id", "since", "until")
CURSOR_DIGITS: Final = 17
SORTS: Final = ("newest", "count")


class Fault(NamedTuple):
    """A parameter of the address that was left out, and what was expected."""

    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, as far as it is not empty, and the filter that it means.

    What is wrong is in `faults` and not in the filter; what was typed stays. `destination` is None
    for all of them.
    """

    typed: Mapping[str, str]
    destination: str | None
    filter: Filter
    cursor: str | None
    faults: tuple[Fault, ...]

    @property
    def narrows(self) -> bool:
        """Whether it asks for some letters and not for all."""
        return self.filter != Filter()

    @property
    def searches(self) -> bool:
        """Whether it asks for what no group tells of."""
        return any(name in self.typed for name in SEARCHES)

    def there(self, path: str, **changed: object) -> str:
        """The address with some parameters changed; None takes one away."""
        kept = {name: value for name, value in self.typed.items() if name != "cursor"}
        return address(path, **{**kept, **changed})


def asked(query: Mapping[str, str], destinations: Collection[str]) -> Asked:
    """What a query asks for; unknown parameters are left alone."""
    names = ("destination", *FIELDS, "cursor", "sort")
    typed = {name: told for name in names if (told := query.get(name, "").strip())}
    found, faults = _filter(typed)
    destination, cursor = typed.get("destination"), typed.get("cursor")
    if destination is not None and destination not in destinations:
        expected = f"expected one of {', '.join(destinations) or 'none'}; found {destination}"
        faults.append(Fault("destination", expected))
        destination = None
    if cursor is not None and not (cursor.isdecimal() and len(cursor) <= CURSOR_DIGITS):
        faults.append(Fault("cursor", "expected one that a page gave; this is the first page"))
        cursor = None
    if typed.get("sort", SORTS[0]) not in SORTS:
        faults.append(Fault("sort", f"expected one of {', '.join(SORTS)}"))
    return Asked(typed, destination, found, cursor, tuple(faults))


def _filter(typed: Mapping[str, str]) -> tuple[Filter, list[Fault]]:
    """The filter of what means something, each member looked at alone and then together."""
    faults: list[Fault] = []
    good: dict[str, object] = {}
    for name in FIELDS:
        if name not in typed:
            continue
        try:
            Filter.read({**good, name: typed[name]})
        except BadFilter as bad:
            faults.append(Fault(bad.field, str(bad).removeprefix(f"{bad.field}: ")))
        else:
            good[name] = typed[name]
    return Filter.read(good), faults
