"""The id by which people name a dead letter: it means one burial, not what comes back later."""

import re
from dataclasses import dataclass
from string import ascii_lowercase, digits

_DIGITS = digits + ascii_lowercase
_NAMED = re.compile(r"([0-9][0-9.-]*)\.([0-9a-z]{1,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Burial:
    """A letter's key, and its place in the order of burials."""

    key: str
    at: int

    @property
    def id(self) -> str:
        """The key, a dot, and the place in base 36."""
        return f"{self.key}.{_base36(self.at)}"

    @classmethod
    def named(cls, id_: str) -> "Burial | None":
        """The burial that an id means; None when it is no such id."""
        parts = _NAMED.fullmatch(id_)
        return cls(parts[1], int(parts[2], 36)) if parts else None


def _base36(number: int) -> str:
    rest, digit = divmod(number, 36)
    return (_base36(rest) if rest else "") + _DIGITS[digit]
