"""The Lua scripts, by name. Each begins with what its KEYS, ARGV and answer are."""

import re
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

import redis
from redis.commands.core import Script

from app.clock import Clock, milliseconds
from app.keys import destination_key

Argument = str | int | float | bytes

STORE_CLOCK = ""
FOLDER = Path(__file__).parent / "lua"

_KEYS_IN_HEADER = re.compile(r"^-- KEYS +(.*?)^-- ARGV", re.MULTILINE | re.DOTALL)
_NUMBERED_NAME = re.compile(r"(\d+) (\S+)")


class Scripts:
    """The scripts over the keys of one destination.

    `clock` tells the time in ms since the epoch; without one the store's own is used.
    """

    def __init__(self, store: redis.Redis, destination: str, clock: Clock | None = None) -> None:
        self._store = store
        self._destination = destination
        self._clock = clock
        self._registered: dict[str, Script] = {}

    def run(self, name: str, *arguments: Argument) -> Any:  # noqa: ANN401 - as its header says
        """What a script answers to its arguments after the clock's."""
        if name not in self._registered:
            self._registered[name] = self._store.register_script(source(name))
        now: Argument = STORE_CLOCK if self._clock is None else self._clock()
        script_keys = [destination_key(self._destination, key) for key in keys(name)]
        return self._registered[name](keys=script_keys, args=[now, *arguments])

    def now(self) -> int:
        """The moment by the clock that was given, else by this machine's."""
        return milliseconds() if self._clock is None else self._clock()


@cache
def source(name: str) -> str:
    """The text of a script as the store takes it: its flags, the prelude, its body."""
    flags, _, body = _text(name).partition("\n")
    return f"{flags}\n{_text('prelude')}{body}"


@cache
def digest(name: str) -> str:
    """The name under which the store keeps a script."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


@cache
def keys(name: str) -> tuple[str, ...]:
    """The names of a script's KEYS in their order, as its header lists them."""
    header = _KEYS_IN_HEADER.search(_text(name))
    if header is None:
        raise ValueError(f"lua/{name}.lua: expected a header with KEYS and ARGV, found none")
    return tuple(key for _, key in _NUMBERED_NAME.findall(header[1]))


def _text(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text()
