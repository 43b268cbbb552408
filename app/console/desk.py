"""What every page and endpoint of the console works with."""

from dataclasses import dataclass

import redis

from app.console.session import Door
from app.console.watch import Watch
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, the settings, who may enter, and the one look at everything that pages share."""

    store: redis.Redis
    settings: Settings
    door: Door
    watch: Watch
