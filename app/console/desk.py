"""What every page and endpoint of the console works with."""

from dataclasses import dataclass

import redis

from app.console.session import Door
from app.console.watch import Watch
from app.operating import Discards
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, the settings, who may enter; one look at everything and the discards, shared."""

    store: redis.Redis
    settings: Settings
    door: Door
    watch: Watch
    discards: Discards
