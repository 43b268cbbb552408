"""Settings: relay.toml and RELAY_*, checked as a whole before anything starts."""

import json
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from app.durations import Duration

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ID_EXPECTED = "1 to 63 of a-z, 0-9, - and _, the first a letter or a digit"

Positive = Field(gt=timedelta(0))


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError(f"expected {ID_EXPECTED}")
    return text


def _names(written: object) -> object:
    """The members of a list that the environment gives as JSON or with commas."""
    if isinstance(written, str) and not written.lstrip().startswith("["):
        return [name.strip() for name in written.split(",")]
    return written


def _http_url(url: str) -> str:
    """The URL without the slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("expected http:// or https:// and a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("expected a URL without credentials, query and fragment")
    return url.rstrip("/")


Id = Annotated[str, AfterValidator(_id)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Section(BaseModel):
    """A table of relay.toml. Errors never show what was written, for it may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _unpacked(cls, written: object, info: ValidationInfo) -> object:
        """The environment gives lists and mappings as JSON; true and false are no numbers."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        if isinstance(written, bool) and not _mentions(annotation, bool):
            raise ValueError("expected neither true nor false")
        if isinstance(written, str) and written.lstrip()[:1] in ("[", "{"):
            return _from_json(written) if _is_container(annotation) else written
        return written

    @field_validator("*")
    @classmethod
    def _no_empty_secret(cls, value: object) -> object:
        if isinstance(value, SecretStr) and not value.get_secret_value().strip():
            raise ValueError("expected a text that is not empty")
        return value


class RetrySettings(Section):
    """When to try again, and when to give up: by attempts or by age, whichever comes first."""

    attempts_max: int = Field(250, ge=1)
    age_max: Annotated[Duration, Positive] = timedelta(hours=24)
    wait_initial: Annotated[Duration, Positive] = timedelta(seconds=1)
    wait_max: Annotated[Duration, Positive] = timedelta(minutes=15)

    @field_validator("wait_max")
    @classmethod
    def _not_below_initial(cls, wait_max: timedelta, info: ValidationInfo) -> timedelta:
        initial = info.data.get("wait_initial")
        if initial is not None and wait_max < initial:
            raise ValueError(f"expected at least wait_initial, {initial.total_seconds():g} s")
        return wait_max


class SourceSettings(Section):
    """Who sends events, and to which destinations they go."""

    id: Id
    write_key: SecretStr
    webhook_secret: SecretStr | None = None
    destinations: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(min_length=1)


class DestinationSettings(Section):
    """What every kind of destination has; each kind adds its own."""

    id: Id
    kind: str
    base_url: HttpUrl | None = None
    queue: Id = Field(default_factory=lambda data: data["id"])
    rate: float | None = Field(None, gt=0, allow_inf_nan=False)
    burst: int = Field(default_factory=lambda data: max(1, math.ceil(data["rate"] or 1)), ge=1)
    concurrency: int = Field(4, ge=1, le=64)
    pumps: int = Field(2, ge=1)
    partitions: int = Field(32, ge=1, le=1024)
    retry: RetrySettings = RetrySettings()
    dedupe_window: Duration = Field(timedelta(hours=24), ge=timedelta(hours=24))
    connect_timeout: Annotated[Duration, Positive] = timedelta(seconds=3)
    read_timeout: Annotated[Duration, Positive] = timedelta(seconds=10)
    deadline: Annotated[Duration, Positive] = timedelta(seconds=15)
    timestamp: Literal["corrected", "original"] = "corrected"


class Settings(Section):
    """Everything that an operator decides. URLs are secrets, for they may hold a password."""

    store_url: SecretStr
    broker_url: SecretStr = Field(default_factory=lambda data: data["store_url"])
    sources: dict[str, SourceSettings]
    destinations: dict[str, DestinationSettings]
    request_bytes_max: int = Field(4 * 1024 * 1024, ge=1)
    event_bytes_max: int = Field(32 * 1024, ge=1)
    batch_events_max: int = Field(2500, ge=1)
    store_wait: Duration = Field(timedelta(seconds=3), ge=timedelta(0))
    log_format: Literal["json", "console"] = "json"
    sentry_dsn: SecretStr | None = None
    environment: str = Field("production", min_length=1)


class SettingsError(Exception):
    """The configuration is refused; every fault says where, what was expected, what was found."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load(
    kinds: Mapping[str, type[DestinationSettings]],
    *,
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings as the file and the environment give them. Raises SettingsError."""
    raise NotImplementedError


def _mentions(annotation: Any, *types: type) -> bool:
    return annotation in types or any(_mentions(part, *types) for part in get_args(annotation))


def _is_container(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, (tuple, list, frozenset, set, dict, Mapping)):
        return True
    return any(_is_container(part) for part in get_args(annotation))


def _from_json(written: str) -> object:
    try:
        return json.loads(written)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"expected JSON; it breaks at column {wrong.colno}") from None
