"""Which events a destination is sent, as its settings say: filters, then the cut-over. Pure."""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from app.conditions import has
from app.segment import Event
from app.settings import DestinationSettings
from app.settings.filters import FilterSettings
from app.timestamps import moment

LeftOut = Literal["filtered", "before_cutover"]


def left_out(event: Event, account: DestinationSettings) -> LeftOut | None:
    """Why a destination is not sent this event; None when it is."""
    decides = next((one for one in account.filters if _meets(event, one)), None)
    if decides is not None and not decides.send:
        return "filtered"
    if account.deliver_from is None:
        return None
    at = billed_at(event, account)
    return "before_cutover" if at is not None and at < account.deliver_from else None


def billed_at(event: Event, account: DestinationSettings) -> datetime | None:
    """When it happened, by the time that the account bills; None when that cannot be read."""
    original = event.fields.get("originalTimestamp") if account.timestamp == "original" else None
    return moment(original) or moment(event.fields.get("timestamp"))


def _meets(event: Event, one: FilterSettings) -> bool:
    if one.types and event.type not in one.types:
        return False
    name = event.text("event")
    if one.events and (name is None or not any(fnmatchcase(name, glob) for glob in one.events)):
        return False
    return has(event, one.properties)
