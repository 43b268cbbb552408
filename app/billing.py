"""Which billing periods are closed. Pure."""

from datetime import datetime, timedelta

# Kable computes invoices an hour after midnight, to allow for delivery delay (docs, Invoices).
GRACE = timedelta(hours=1)


def closed_before(now: datetime, billing_day: int) -> datetime:
    """The moment before which every period is closed.

    A period begins on the `billing_day` of a month (1 to 28) at 00:00 UTC and closes an hour after
    the next has begun.
    """
    late = now - GRACE
    begins = late.replace(day=billing_day, hour=0, minute=0, second=0, microsecond=0)
    if begins <= late:
        return begins
    return (begins.replace(day=1) - timedelta(days=1)).replace(day=billing_day)
