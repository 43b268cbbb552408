"""Moments as people write them: with a zone, `2026-06-01T00:00:00Z`, or as TOML has them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator


def moment(written: object) -> datetime:
    """The moment that this means, in UTC. Raises ValueError when it means none."""
    try:
        at = datetime.fromisoformat(written.strip()) if isinstance(written, str) else written
        if isinstance(at, datetime) and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("expected a moment with its zone, such as 2026-06-01T00:00:00Z")


Moment = Annotated[datetime, BeforeValidator(moment)]
