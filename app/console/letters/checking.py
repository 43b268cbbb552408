"""Looks at an event that somebody edits: is it JSON, and what would become of it. Pure."""

import json
from dataclasses import dataclass
from typing import Any, Never, assert_never

from app.dead_letters import BadPayload, edited
from app.delivery import Delivery
from app.destination import Destination, Item, Reject, Several, Skip, Transformed, Unmapped
from app.segment import Event
from app.settings import DestinationSettings


@dataclass(frozen=True, slots=True)
class Checked:
    """`fault` keeps it from being saved; `told` says what the destination would make of it."""

    fault: str = ""
    told: str = ""
    good: bool = False


def checked(
    text: str, delivery: Delivery, kind: Destination[Any], account: DestinationSettings
) -> Checked:
    """What the text would be as the event of a delivery."""
    if fault := json_fault(text):
        return Checked(fault)
    try:
        event = edited(delivery, text.encode(), kind.accepts).event
    except BadPayload as bad:
        return Checked(str(bad))
    try:
        return _told(kind.transform(Event.decode(event), account), account.id)
    except Exception as bug:  # noqa: BLE001 - what trips the transform up may be edited all the same
        return Checked(told=f"a bug would trip over it: {type(bug).__name__}")


def json_fault(text: str) -> str:
    """Where it stops being JSON, with the line; empty when it is JSON."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg.lower()}"
    except ValueError:
        return "expected JSON, in which there is no NaN and no Infinity"
    except RecursionError:
        return "expected a JSON object that nests less deep"
    return ""


def _told(seen: Transformed, destination: str) -> Checked:
    match seen:
        case Item():
            return Checked(told=f"{destination} can be sent this", good=True)
        case Several(events):
            return Checked(told=f"it stands for {len(events)} calls of {destination}", good=True)
        case Reject(why):
            return Checked(told=f"{destination} does not accept this: {why}")
        case Skip(why):
            return Checked(told=f"it would be skipped, not sent: {why}")
        case Unmapped():
            return Checked(told="no rule says what it means: it would be kept as unmapped")
        case _ as never:
            assert_never(never)


def _refuse(constant: str) -> Never:
    raise ValueError(constant)
