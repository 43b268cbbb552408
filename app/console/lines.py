"""JSON from outside in lines that a person can read, and how two of them differ. Pure."""

from difflib import unified_diff
from typing import Final

import msgspec

PRETTY_MAX: Final = 200_000  # each level of 900 indents the next: 31 KB would become 28 MB
COMPARED_MAX: Final = 500  # lines of a side; at worst that takes 40 ms, and twice as many 250
KINDS: Final = {"+": "added", "-": "removed", "@": "place"}


def pretty(text: bytes | str) -> str:
    """JSON in lines, its values untouched; as it came what is no JSON, or would be far longer."""
    told = text.decode(errors="replace") if isinstance(text, bytes) else text
    try:
        lines = msgspec.json.format(told, indent=2)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return told
    return lines if len(lines) <= PRETTY_MAX else told


def differences(before: bytes, after: bytes) -> list[tuple[str, str]] | None:
    """The lines that differ, each with what it is: added, removed, place or same.

    None where they are too many to be compared.
    """
    sides = pretty(before).splitlines(), pretty(after).splitlines()
    if max(map(len, sides)) > COMPARED_MAX:
        return None
    lines = unified_diff(*sides, lineterm="", n=2)
    shown = (line for line in lines if not line.startswith(("---", "+++")))
    return [(KINDS.get(line[:1], "same"), line) for line in shown]
