"""Flags: what operators have to do at a destination by hand, one per user and matter."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Self, cast

import msgspec
import redis

from app.delivery import Delivery
from app.keys import destination_key
from app.outcome import Delivered, Flag, Outcome
from app.scripts import Scripts

ID_BYTES = 8
PAGE_MAX = 500
NAMED_AT_ONCE = 50


class Flagged(msgspec.Struct, frozen=True):
    """A flag as the store keeps it; `accepted_at` (ms since the epoch) is its event's."""

    user: str
    about: str
    wanted: str | None
    found: str | None
    why: str
    advice: str
    message_id: str
    accepted_at: int

    @property
    def id(self) -> str:
        return flag_id(self.user, self.about)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a flag stands in the list, whose newest come first."""

    accepted_at: int
    id: str

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """The place that a cursor names. Raises ValueError."""
        at, dash, id_ = cursor.partition("-")
        if not dash or not at.isdecimal():
            raise ValueError(f"expected a cursor that a page gave; found {cursor}")
        return cls(int(at), id_)

    def __str__(self) -> str:
        return f"{self.accepted_at}-{self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some flags; `cursor` is where the next page begins, None behind the last one."""

    flags: tuple[Flagged, ...]
    cursor: Place | None


_json = msgspec.json.Decoder(Flagged)


class Flags:
    """The flags of one destination that nobody has resolved."""

    def __init__(self, store: redis.Redis, destination: str) -> None:
        self._store = store
        self._key = destination_key(destination, "flags")
        self._scripts = Scripts(store, destination)

    def count(self) -> int:
        return self._store.hlen(self._key)

    def page(self, after: Place | None, limit: int, user: str | None = None) -> Page:
        """At most `limit` flags, and 500, the newest first; of this user, if one is named."""
        place = ("", "") if after is None else (after.accepted_at, after.id)
        asked = (min(limit, PAGE_MAX), *place, *([] if user is None else [user]))
        named, *found = self._scripts.run("flagged", *asked)
        if not named:
            self.name_all()
            _, *found = self._scripts.run("flagged", *asked)
        at, last, *kept = cast("list[bytes]", found)
        cursor = Place(int(at), last.decode()) if at else None
        return Page(tuple(map(_json.decode, kept)), cursor)

    def resolve(self, flag: str) -> Flagged | None:
        """Let go of a flag, for somebody has done what it says; None when there is none."""
        kept = cast("bytes | None", self._scripts.run("resolve", flag))
        return None if kept is None else _json.decode(kept)

    def name_all(self) -> None:
        """Name each flag as lists find it, which a pump of an older release does not do."""
        for what in ("flags", "names"):
            far = b"0"
            while (far := self._scripts.run("name_flags", what, far, NAMED_AT_ONCE)) != b"0":
                pass


def flag_id(user: str, about: str) -> str:
    """The id of a flag: the same for the same user and matter."""
    named = f"{len(user)}:{user}{about}".encode()
    return blake2b(named, digest_size=ID_BYTES).hexdigest()


def packed(delivery: Delivery, outcome: Outcome) -> bytes:
    """What a delivery says of its user's flags, as settle.lua takes it; empty for nothing."""
    if not isinstance(outcome, Delivered) or not (outcome.flags or outcome.lifted):
        return b""
    marks = [
        *((flag_id(delivery.user, about), "lift", "") for about in outcome.lifted),
        *(_mark(delivery, flag) for flag in outcome.flags),
    ]
    return msgspec.msgpack.encode((delivery.accepted_at, marks))


def _mark(delivery: Delivery, flag: Flag) -> tuple[str, str, str]:
    kept = Flagged(
        delivery.user,
        flag.about,
        flag.wanted,
        flag.found,
        flag.why,
        flag.advice,
        delivery.id,
        delivery.accepted_at,
    )
    text = msgspec.json.encode(kept).decode()
    return kept.id, "note" if flag.shown_there else "raise", text
