"""Kable (kable.io): bills customers of an API by the usage that track events report.

The calls and headers are those of Kable's OpenAPI description and of its own SDKs, the settings
those of its entry in Segment's catalog. docs/destinations/kable.md names what is unconfirmed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, assert_never

import msgspec
from msgspec import Raw
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from app.billing import GRACE
from app.destination import (
    Answer,
    Batch,
    CountFailed,
    CountsByDay,
    Destination,
    Item,
    Lost,
    NotSent,
    Reject,
    Reply,
    Request,
    Span,
    Transformed,
)
from app.destinations.kable import counts
from app.outcome import Delivered, Outcome, Rejected, Retryable, Unavailable
from app.segment import Event, Fields, members, text, value_at
from app.settings import DestinationSettings
from app.settings.headers import HeaderSecret, HeaderText
from app.timestamps import moment, written

HOSTS = {"sk_live": "https://live.kable.io", "sk_test": "https://test.kable.io"}
MESSAGE_MAX = 300

_WHOLE_NUMBER = re.compile(rb"(-?\d+)(?:\.0+)?")
_FOUND = {
    b"{": "an object",
    b"[": "an array",
    b'"': "an empty text",
    b"t": "true",
    b"f": "false",
    b"n": "null",
}


def _or_user_id(path: str) -> str:
    """Segment's form leaves the field empty where the user id is meant."""
    return path or "userId"


Filled = Annotated[str, StringConstraints(min_length=1)]


class KableAccount(DestinationSettings):
    """An account at Kable; all settings but `reconcile_dimension` are named after Segment's."""

    kind: Literal["kable"] = "kable"
    api_key: HeaderSecret
    kable_client_id: HeaderText
    client_id_field: Annotated[str, AfterValidator(_or_user_id)] = "userId"
    properties_mappings: dict[Filled, Filled] = Field(default_factory=dict)
    reconcile_dimension: Filled | None = None

    @model_validator(mode="after")
    def _has_a_host(self) -> "KableAccount":
        if self.base_url is None and _host(self.api_key) is None:
            raise ValueError(
                "api_key: expected it to begin with sk_live or sk_test, which tells Kable's host; "
                "set base_url for any other key"
            )
        return self


def usage_event(event: Event, account: KableAccount) -> Transformed:
    """Kable's usage event: who, when, under which id, and the properties as `data`."""
    named = event.value(account.client_id_field)
    client_id = _client_id(named)
    if client_id is None:
        return Reject(
            f"{account.client_id_field}: expected the customer's clientId, a text or a whole "
            f"number; found {_kind_of(named)}"
        )
    timestamp = _timestamp(event, account)
    for name, value in (("messageId", event.message_id), ("timestamp", timestamp)):
        if not value:
            return Reject(f"{name}: expected a text that is not empty")
    usage = {
        "clientId": client_id,
        "timestamp": timestamp,
        "transactionId": event.message_id,
        "data": _renamed(event.properties, account.properties_mappings),
    }
    return Item(msgspec.json.encode(usage))


def array(items: Sequence[Item], _account: KableAccount) -> Request:
    return Request(
        "/api/v1/events/create",
        b"[" + b",".join(item.body for item in items) + b"]",
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


def read(reply: Reply, _request: Request) -> Outcome:
    """What a reply means. Kable discards a transactionId that it has, so repeating is safe."""
    match reply:
        case NotSent(error):
            return Unavailable(error)
        case Lost(error):
            return Retryable(error)
        case Answer():
            return _meaning(reply)
        case _ as never:
            assert_never(never)


def base_url(account: KableAccount) -> str:
    host = account.base_url or _host(account.api_key)
    if host is None:
        raise ValueError("an account without a host passed its validation")
    return host


def credentials(account: KableAccount) -> Mapping[str, str]:
    """Both pairs go with every request, as in Kable's own Node SDK: authenticate needs the second.

    The published description of events/create names the first only.
    """
    key = account.api_key.get_secret_value()
    return {
        "KABLE-CLIENT-ID": account.kable_client_id,
        "KABLE-CLIENT-SECRET": key,
        "X-CLIENT-ID": account.kable_client_id,
        "X-API-KEY": key,
    }


def authenticate(_account: KableAccount) -> Request:
    return Request("/api/v1/authenticate", headers={"Accept": "application/json"})


def count(span: Span, account: KableAccount) -> Request | CountFailed:
    """Kable counts by a dimension; one that every event carries counts the events."""
    if account.reconcile_dimension is None:
        return CountFailed(
            f"set destinations.{account.id}.reconcile_dimension to the key of a dimension that "
            "every event has, for Kable counts by dimension"
        )
    return counts.request(span, account.reconcile_dimension)


KABLE = Destination(
    kind="kable",
    name="Kable",
    account=KableAccount,
    accepts=frozenset({"track"}),
    transform=usage_event,
    batch=Batch(items_max=500, bytes_max=1_000_000),
    compose=array,
    read=read,
    base_url=base_url,
    headers=credentials,
    probe=authenticate,
    belated="Kable's invoices of that period are made and will not have them; whether a later one "
    "has them, Kable does not say",
    grace=GRACE,
    counts=CountsByDay(count, counts.told),
)


def _host(api_key: SecretStr) -> str | None:
    key = api_key.get_secret_value()
    return next((host for prefix, host in HOSTS.items() if key.startswith(prefix)), None)


def _client_id(value: Raw | None) -> str | None:
    """The text, or a whole number's own digits, however many; None for anything else."""
    if value is not None and (whole := _WHOLE_NUMBER.fullmatch(bytes(value))):
        return whole[1].decode()
    named = text(value)
    return named if named and not named.isspace() else None


def _kind_of(value: Raw | None) -> str:
    """What it is, not what it says: reasons stand in logs, values do not."""
    if value is None:
        return "nothing"
    return _FOUND.get(bytes(value)[:1], "a number with a fraction or an exponent")


def _timestamp(event: Event, account: KableAccount) -> str:
    billed = event.fields.get("originalTimestamp") if account.timestamp == "original" else None
    original = moment(billed)
    return written(original) if original else event.timestamp


def _renamed(properties: Fields, mappings: Mapping[str, str]) -> Fields:
    """The properties with what a mapping names under its new key, at the top level."""
    moved: Fields = {}
    rest = properties
    for path, key in mappings.items():
        if (value := value_at(properties, path)) is not None:
            moved[key] = value
            rest = _without(rest, path)
    return rest | moved


def _without(fields: Fields, path: str) -> Fields:
    """The fields less what stands at the path, and less a parent that this leaves empty."""
    name = path
    if path not in fields:
        name, _, rest = path.partition(".")
        inner = members(fields.get(name))
        if inner is None:
            return fields
        if kept := _without(inner, rest):
            return fields | {name: Raw(msgspec.json.encode(kept))}
    return {key: value for key, value in fields.items() if key != name}


def _meaning(answer: Answer) -> Outcome:
    told, after = _told(answer), answer.retry_after
    match answer.status // 100, answer.status:
        case (2, _) | (_, 409):
            return Delivered()
        case _, 401 | 403:
            return Unavailable(f"{told}: look at api_key and kable_client_id", cause="credentials")
        case _, 429:
            return Unavailable(told, after, "throttled")
        case _, 502 | 503 | 504:
            return Unavailable(told, after)
        case (_, 408) | (5, _):
            return Retryable(told, after)
        case _:
            return Rejected(told)


def _told(answer: Answer) -> str:
    """The status, Kable's message (its only documented member), and the id for its support."""
    try:
        message = msgspec.json.decode(answer.body, type=dict[str, Raw]).get("message")
        told = text(message) or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = ""
    about = f"Kable answered {answer.status}" + (f", {told[:MESSAGE_MAX]}" if told else "")
    request_id = answer.headers.get("x-request-id")
    return f"{about} (X-REQUEST-ID {request_id})" if request_id else about
