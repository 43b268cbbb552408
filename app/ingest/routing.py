"""Who sent a request, and to which destinations its events go."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from app.destination import Destination
from app.segment import Fields
from app.settings import Settings

WEBHOOKS = "Webhooks"  # as Segment's catalog and Engage name what forwards to the relay
TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})


@dataclass(frozen=True, slots=True)
class Route:
    """A destination, and the name by which an event's `integrations` may switch it off."""

    destination: str
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends. `routes` has every type of event."""

    id: str
    routes: Mapping[str, tuple[Route, ...]]

    @property
    def _names(self) -> set[str]:
        return {route.name for routes in self.routes.values() for route in routes}

    def destinations(
        self, type_: str, switches: Fields, *, forwarded: bool = False
    ) -> tuple[str, ...]:
        """The destinations that take this type and are not switched off.

        A named key beats `All`; anything but `false` counts as true, an object of options too
        (Segment: Filtering with the Integrations object). Segment itself has obeyed `All` where it
        has `forwarded` the event, so that it counts only for one that names destinations of ours
        and not the one that forwards.
        """
        routes = self.routes[type_]
        if not switches:
            return tuple(route.destination for route in routes)
        was_for_us = forwarded and (
            _names(switches, WEBHOOKS) or not any(_names(switches, name) for name in self._names)
        )
        otherwise = None if was_for_us else switches.get("All")
        return tuple(
            route.destination for route in routes if _is_on(switches.get(route.name, otherwise))
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Every source under its id and under its write key.

    `by_header` knows the header that SDKs send as it stands, which spares the usual request the
    decoding.
    """

    by_id: Mapping[str, Source]
    by_key: Mapping[str, Source]
    by_header: Mapping[bytes, Source]

    @classmethod
    def of(cls, settings: Settings, kinds: Mapping[str, Destination[Any]]) -> "Sources":
        by_id = {
            name: Source(name, _routes(source.destinations, settings, kinds))
            for name, source in settings.sources.items()
        }
        by_key = {
            source.write_key.get_secret_value(): by_id[name]
            for name, source in settings.sources.items()
        }
        by_header = {_basic(key): source for key, source in by_key.items()}
        return cls(by_id, by_key, by_header)

    def find(self, authorization: bytes, body_key: str | None) -> Source | None:
        """Whose request this is. If header and body name different keys, the header decides."""
        known = self.by_header.get(authorization)
        if known is not None:
            return known
        key = _basic_user(authorization) or body_key
        return self.by_key.get(key) if key else None


def _routes(
    destinations: tuple[str, ...], settings: Settings, kinds: Mapping[str, Destination[Any]]
) -> dict[str, tuple[Route, ...]]:
    kind_of = {name: kinds[settings.destinations[name].kind] for name in destinations}
    return {
        type_: tuple(
            Route(name, kind.name) for name, kind in kind_of.items() if type_ in kind.accepts
        )
        for type_ in TYPES
    }


def _names(switches: Fields, name: str) -> bool:
    return name in switches and _is_on(switches[name])


def _is_on(switch: Raw | None) -> bool:
    return switch is None or bytes(switch) != b"false"


def _basic(key: str) -> bytes:
    return b"Basic " + b64encode(f"{key}:".encode())


def _basic_user(authorization: bytes) -> str | None:
    """The user of HTTP Basic; a missing colon is tolerated, as Segment does."""
    scheme, _, credentials = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    credentials = credentials.strip()
    try:
        decoded = b64decode(credentials + b"=" * (-len(credentials) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[0] or None
