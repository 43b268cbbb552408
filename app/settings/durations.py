"""Lengths of time as people write them: a number of seconds, or text such as `500ms` or `4h`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def duration(written: object) -> timedelta:
    """The length of time that this means. Raises ValueError when it means none."""
    match written:
        case timedelta():
            return written
        case bool():
            pass
        case int() | float() | str():
            if found := _WRITTEN.fullmatch(str(written).strip()):
                return _times(float(found[1]), _UNITS[found[2] or "s"])
    raise ValueError('expected seconds, or text such as "500ms", "10s", "5m", "4h" or "7d"')


def spelled(length: timedelta) -> str:
    """The shortest text that means this length: `90s`, `4h`."""
    for unit, size in reversed(_UNITS.items()):
        if length and not length % size:
            return f"{length // size}{unit}"
    return f"{length.total_seconds():g}s"


def _times(number: float, unit: timedelta) -> timedelta:
    try:
        return number * unit
    except OverflowError:
        raise ValueError("expected a length of time below a million years") from None


def _some(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("expected more than 0")
    return length


Duration = Annotated[timedelta, BeforeValidator(duration)]
SomeDuration = Annotated[Duration, AfterValidator(_some)]
