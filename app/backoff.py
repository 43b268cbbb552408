"""How long to wait before the next try."""

from datetime import timedelta
from random import Random


def jittered(
    attempt: int, *, wait_initial: timedelta, wait_max: timedelta, random: Random
) -> timedelta:
    """A wait before the try after number `attempt` (from 1): exponential, full jitter."""
    growth = min(1 << min(attempt - 1, 62), wait_max / wait_initial)
    return wait_initial * growth * random.random()
