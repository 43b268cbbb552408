"""What failed alike: the reason, the status, and the message without what differs each time."""

import re
from hashlib import blake2b

PATTERN_LENGTH_MAX = 200

_NAMES = r"""
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  # a UUID
    | \b[\w.+-]+@[\w-]+\.[\w.-]+                                 # an email address
    | https?://\S+
    | "[^"]*" | '[^']*' | `[^`]*`                                 # what a message quotes
    | \b(?=\w*\d)[\w-]{6,}\b                                     # an id: letters and digits
"""
_NAMED = re.compile(_NAMES, re.VERBOSE | re.IGNORECASE)
_DIFFERS = re.compile(_NAMES + r"| \d+(?:\.\d+)*", re.VERBOSE | re.IGNORECASE)


def fingerprint(reason: str, status: int | None, message: str) -> str:
    """The name of the group, 12 hexadecimal digits."""
    kind = f"{reason}\0{status}\0{pattern(message)}"
    return blake2b(kind.encode(), digest_size=6).hexdigest()


def pattern(message: str) -> str:
    """The message with a star for each piece that differs from one event to the next."""
    return _DIFFERS.sub("*", message[: 4 * PATTERN_LENGTH_MAX])[:PATTERN_LENGTH_MAX]


def without_names(message: str) -> str:
    """The message as logs tell it: without what it quotes, ids and addresses; numbers stay."""
    return _NAMED.sub("*", message[: 4 * PATTERN_LENGTH_MAX])
