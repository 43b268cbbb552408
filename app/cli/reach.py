"""What operators' commands reach for: the store, one of the destinations."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from app.cli.exits import UNREACHABLE, WRONG_USE, leave
from app.readiness import connect_once
from app.settings import DestinationSettings, Settings


@contextmanager
def reached(settings: Settings) -> Iterator[redis.Redis]:
    """The store; ends the command when it does not answer."""
    try:
        with connect_once(settings.store_url.get_secret_value()) as store:
            yield store
    except redis.RedisError as error:
        leave(f"the store does not answer ({error})", UNREACHABLE)


def named(settings: Settings, destination: str | None) -> DestinationSettings:
    """The destination of this id, or the only one; ends the command when that is none."""
    known = settings.destinations
    if destination is None and len(known) == 1:
        return next(iter(known.values()))
    if destination is None:
        leave(f"there are several destinations; name one of: {', '.join(known)}", WRONG_USE)
    if destination not in known:
        leave(f"expected one of: {', '.join(known)}; found {destination}", WRONG_USE)
    return known[destination]


def ruled(settings: Settings, destination: str | None) -> DestinationSettings:
    """The destination of this id, or the only one, to which mapping rules apply."""
    from app.destinations import KINDS

    known = {id_: one for id_, one in settings.destinations.items() if KINDS[one.kind].ruled}
    chosen = next(iter(known)) if destination is None and len(known) == 1 else destination
    if chosen is None or chosen not in known:
        listed, found = ", ".join(known) or "there are none", chosen or "none"
        leave(f"expected a destination with mapping rules ({listed}); found {found}", WRONG_USE)
    return known[chosen]
