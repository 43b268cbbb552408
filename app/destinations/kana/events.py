"""What a Segment event means for Kana: usage of a feature, or what is known of a user."""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from app.destination import Item, Reject, Several, Skip, Transformed, Unmapped
from app.destinations.kana.account import KanaAccount
from app.destinations.kana.calls import Find, Identity, Record, body
from app.mapping import Rule, matching
from app.segment import Event, text

TRAITS = ("name", "email", "billingUserId")
ALIAS = "billingId"
DELTA_MIN, DELTA_MAX = -(2**31), 2**31 - 1

NO_CHANGE = Skip("a delta of 0 changes nothing")

_WHOLE_NUMBER = re.compile(r"(-?)0*([0-9]{1,10})(?:\.0+)?")
_NULL = b"null"
_SORTS = {b"{": "an object", b"[": "an array", b"t": "true", b"f": "false"}


def item(event: Event, account: KanaAccount) -> Transformed:
    """Usage from a track, a user from an identify. A track without a feature is for the rules."""
    user_id = event.user_id
    if not user_id:
        return Skip("Kana knows users by their userId; the event has none")
    match event.type:
        case "track":
            return _usage(event, user_id, account.rules)
        case "identify":
            return _user(event, user_id, account)
        case _:
            return Skip("Kana takes track and identify")


def _usage(event: Event, user_id: str, rules: Sequence[Rule]) -> Transformed:
    feature = event.properties.get("featureId")
    if _is_nothing(feature):
        matched = matching(rules, event)
        return _mapped(event, user_id, matched) if matched else Unmapped()
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
        return NO_CHANGE
    usage = Record(user_id, feature_id, delta)
    return Item(body(usage), repeatable=False, step=usage)


def _mapped(event: Event, user_id: str, matched: Sequence[Rule]) -> Transformed:
    """One usage of each distinct feature. A delta that is no whole number counts as none."""
    written = _whole_number(event.properties.get("delta"))
    delta = 1 if written is None else written
    if delta == 0:
        return NO_CHANGE
    features = list(dict.fromkeys(rule.feature for rule in matched))
    events = tuple(_naming(event, feature, delta) for feature in features)
    ids = tuple(rule.id for rule in matched)
    if len(features) > 1:
        return Several(events, ids)
    usage = Record(user_id, features[0], delta)
    return Item(body(usage), repeatable=False, step=usage, event=events[0], rules=ids)


def _naming(event: Event, feature: str, delta: int) -> bytes:
    """The event as if it had named the feature itself; its other values stay as they came."""
    named = {"featureId": Raw(msgspec.json.encode(feature)), "delta": Raw(b"%d" % delta)}
    properties = Raw(msgspec.json.encode({**event.properties, **named}))
    return msgspec.json.encode({**event.fields, "properties": properties})


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
