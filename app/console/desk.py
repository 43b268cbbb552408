"""What every page and endpoint of the console works with."""

import asyncio
from dataclasses import dataclass

import redis

from app.console.session import Door
from app.console.watch import Watch
from app.operating import Discards
from app.overview import known
from app.settings import DestinationSettings, Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, the settings, who may enter; one look at everything and the discards, shared."""

    store: redis.Redis
    settings: Settings
    door: Door
    watch: Watch
    discards: Discards

    async def accounts(self) -> dict[str, DestinationSettings]:
        """The destinations of the settings, and the orphans that the store knows, by their ids."""
        found = await asyncio.to_thread(known, self.store, self.settings)
        return {one.id: one for one in found}
