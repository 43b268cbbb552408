"""One event bound for one destination, and the attempts that were made to deliver it."""

import msgspec


class Attempt(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One try: when it began (ms since the epoch), how it ended, how long it took (ms).

    Only the last attempt of a delivery keeps what was sent and what came back.
    """

    at: int
    status: int | None
    error: str
    took: int
    request: str = ""
    response: str = ""


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """What the log keeps for a destination.

    `id` is the event's message id, with `#<part>` where one event becomes several deliveries;
    `user` is the key of its order; `event` is the event's JSON as accepted, without its write
    key; `accepted_at` is in ms since the epoch.
    """

    id: str
    source: str
    user: str
    event: bytes
    accepted_at: int
    attempts: tuple[Attempt, ...] = ()
