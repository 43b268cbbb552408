"""What may be told of an exception: its type, where it was raised, and words that are nobody's.

A message may hold a piece of an event, a user's id or a URL with a password: Redis quotes the
command that it refused, JSON decoders and pydantic the value. It is not told as it is.
"""

from collections.abc import Iterator
from itertools import islice
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from app.vocabulary import masked

PLACES_MAX = 30
CAUSES_MAX = 5


def named(error: BaseException) -> str:
    """The type of an exception and what may be told of its message."""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    said = said_by(error)
    return f"{name}: {said}" if said else name


def said_by(error: BaseException) -> str:
    """What may be told of its message: all of it where the system itself says it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.errno})"
    return masked(str(error).partition("\n")[0])


def described(error: BaseException) -> dict[str, Any]:
    """An exception and its causes as fields of a log line."""
    first, *causes = islice(_chain(error), CAUSES_MAX)
    at = [place(frame, line) for frame, line in walk_tb(error.__traceback__)]
    told: dict[str, Any] = {"type": named(first), "at": at[-PLACES_MAX:]}
    return told | {"causes": [named(cause) for cause in causes]} if causes else told


def place(frame: FrameType, line: int) -> str:
    """A place in the code, without a path of this machine."""
    return f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"


def raised_at(traceback: TracebackType | None) -> str:
    """The innermost place of ours, else the innermost."""
    places = [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_name)
        for frame, _ in walk_tb(traceback)
    ]
    ours = [each for each in places if each[0].startswith(("app.", "workers."))]
    return ".".join((ours or places or [("?", "?")])[-1])


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    while following is not None:
        yield following
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
