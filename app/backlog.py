"""When so much waits for a destination that somebody should know. It only says so."""

import structlog

from app.ledger import Census
from app.settings import DestinationSettings
from app.settings.durations import spelled

logger = structlog.get_logger("backlog")


def high(account: DestinationSettings, census: Census, now: int) -> str:
    """Which mark is crossed, in words; empty when none is."""
    age_mark_ms = account.backlog_age_mark.total_seconds() * 1000
    if census.waiting > account.backlog_mark:
        return f"{census.waiting:,} wait; backlog_mark is {account.backlog_mark:,}"
    if census.oldest_ms is not None and now - census.oldest_ms > age_mark_ms:
        minutes = (now - census.oldest_ms) // 60_000
        mark = spelled(account.backlog_age_mark)
        return f"the oldest has waited for {minutes:,} min; backlog_age_mark is {mark}"
    return ""


class Alerts:
    """Logs when a destination's backlog becomes high, and when it is normal again."""

    def __init__(self) -> None:
        self._high: set[str] = set()

    def look(self, account: DestinationSettings, census: Census, now: int) -> None:
        why = high(account, census, now)
        if why and account.id not in self._high:
            self._high.add(account.id)
            logger.warning("backlog.high", destination=account.id, why=why)
        elif not why and account.id in self._high:
            self._high.discard(account.id)
            logger.info("backlog.normal", destination=account.id)
