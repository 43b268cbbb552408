"""What a Segment event means for Kana: usage of a feature, or what is known of a user."""

import re

from msgspec import Raw

from app.destination import Item, Reject, Skip, Transformed, Unmapped
from app.destinations.kana.account import KanaAccount
from app.destinations.kana.calls import Find, Identity, Record, body
from app.segment import Event, text

TRAITS = ("name", "email", "billingUserId")
ALIAS = "billingId"
DELTA_MIN, DELTA_MAX = -(2**31), 2**31 - 1

_WHOLE_NUMBER = re.compile(r"(-?)0*([0-9]{1,10})(?:\.0+)?")
_NULL = b"null"
_SORTS = {b"{": "an object", b"[": "an array", b"t": "true", b"f": "false"}


def item(event: Event, account: KanaAccount) -> Transformed:
    """Usage from a track, a user from an identify."""
    user_id = event.user_id
    if not user_id:
        return Skip("Kana knows users by their userId; the event has none")
    match event.type:
        case "track":
            return _usage(event, user_id)
        case "identify":
            return _user(event, user_id, account)
        case _:
            return Skip("Kana takes track and identify")


def _usage(event: Event, user_id: str) -> Transformed:
    feature = event.properties.get("featureId")
    if _is_nothing(feature):
        return Unmapped()
    if not (feature_id := text(feature)):
        found = _sort_of(feature, text="an empty text")
        return Reject(f"properties.featureId: expected a text that is not empty; found {found}")
    written = event.properties.get("delta")
    delta = 1 if _is_nothing(written) else _whole_number(written)
    if delta is None:
        expected = f"a whole number from {DELTA_MIN} to {DELTA_MAX}, or a text of one"
        found = _sort_of(written, text="another text", number="another number")
        return Reject(f"properties.delta: expected {expected}; found {found}")
    if delta == 0:
        return Skip("a delta of 0 changes nothing")
    usage = Record(user_id, feature_id, delta)
    return Item(body(usage), repeatable=False, step=usage)


def _user(event: Event, user_id: str, account: KanaAccount) -> Transformed:
    names = (*TRAITS, ALIAS) if account.billing_id_alias else TRAITS
    said = {name: event.traits.get(name) for name in names}
    for name, value in said.items():
        if not _is_nothing(value) and text(value) is None:
            return Reject(f"traits.{name}: expected a text; found {_sort_of(value)}")
    full_name, email, *billing_ids = (text(value) or None for value in said.values())
    billing_id = next(filter(None, billing_ids), None)
    for_kana = event.raw if account.unapplied == "segment" else None
    identity = Identity(user_id, full_name, email, billing_id, for_kana)
    return Item(body(Find(identity)), step=Find(identity))


def _whole_number(value: Raw | None) -> int | None:
    """The number that it writes in digits, if Kana's 32-bit Int holds it."""
    written = bytes(value or b"").decode() if text(value) is None else text(value) or ""
    found = _WHOLE_NUMBER.fullmatch(written)
    number = int(found[1] + found[2]) if found else None
    return number if number is not None and DELTA_MIN <= number <= DELTA_MAX else None


def _is_nothing(value: Raw | None) -> bool:
    return value is None or bytes(value) == _NULL


def _sort_of(value: Raw | None, *, text: str = "a text", number: str = "a number") -> str:
    """What it is, not what it says: reasons stand in logs, values do not."""
    mark = bytes(value or b"")[:1]
    return text if mark == b'"' else _SORTS.get(mark, number)
