"""All that moves deliveries to one destination; a worker process keeps it from pump to pump."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from app.client import Client
from app.clock import Clock
from app.destination import Destination
from app.log import Log
from app.settings import DestinationSettings, Settings
from app.throttle import Throttle
from app.wake import Wakes


@dataclass(frozen=True, slots=True)
class Lane:
    """A destination with its account, its log and throttle in the store, and its connections."""

    destination: Destination[Any]
    account: DestinationSettings
    log: Log
    throttle: Throttle
    client: Client
    wakes: Wakes

    def wake(self) -> bool:
        """Ask for a pump; whether the broker took it."""
        return self.wakes.send(self.account.id, self.account.queue)


def lanes(
    settings: Settings,
    kinds: Mapping[str, Destination[Any]],
    store: redis.Redis,
    wakes: Wakes,
    clock: Clock | None = None,
) -> dict[str, Lane]:
    """A lane for every destination of the settings, by its id."""
    return {
        account.id: Lane(
            kinds[account.kind],
            account,
            Log(store, account, clock),
            Throttle(store, account, clock),
            Client(kinds[account.kind], account),
            wakes,
        )
        for account in settings.destinations.values()
    }
