"""Settings: relay.toml and RELAY_*, checked as a whole before anything starts."""

import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from app.settings.durations import Duration, SomeDuration, spelled
from app.settings.filters import FilterSettings, reachable
from app.settings.moments import Moment
from app.settings.networks import Network
from app.settings.sections import Check, Section
from app.settings.wording import did_you_mean, shown
from app.settings.written import files_of, read

FILTERS_MAX = 200

Table = Literal["sources", "destinations", "operators"]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ID_EXPECTED = "expected 1 to 63 of a-z, 0-9, - and _, the first a letter or a digit"


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _id(text: str) -> str:
    if not _is_id(text):
        raise ValueError(_ID_EXPECTED)
    return text


def _split(written: object) -> object:
    """The names in a text with commas, which is handier in the environment than JSON."""
    if isinstance(written, str):
        return [name.strip() for name in written.split(",") if name.strip()]
    return written


def _http_url(url: str) -> str:
    """The URL without the slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected http:// or https:// and a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("expected a URL without credentials, query and fragment")
    return url.rstrip("/")


def _url_of(*schemes: str, example: str) -> AfterValidator:
    def checked(url: SecretStr) -> SecretStr:
        scheme, mark, rest = url.get_secret_value().partition("://")
        if not mark or not rest or (schemes and scheme not in schemes):
            raise ValueError(f"expected a URL such as {example}")
        return url

    return AfterValidator(checked)


Id = Annotated[str, AfterValidator(_id)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
StoreUrl = Annotated[
    SecretStr, _url_of("redis", "rediss", "unix", example="redis://localhost:6379/0")
]
BrokerUrl = Annotated[SecretStr, _url_of(example="redis://localhost:6379/1")]
Dsn = Annotated[SecretStr, _url_of("http", "https", example="https://key@sentry.example/1")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RetrySettings(Section):
    """When to try again, and when to give up: by attempts or by age, whichever comes first."""

    attempts_max: int = Field(default=250, ge=1)
    age_max: SomeDuration = timedelta(hours=24)
    wait_initial: SomeDuration = timedelta(seconds=1)
    wait_max: SomeDuration = Field(default=timedelta(minutes=15), validate_default=True)

    @field_validator("wait_max")
    @classmethod
    def _not_below_initial(cls, wait_max: timedelta, info: ValidationInfo) -> timedelta:
        initial = info.data.get("wait_initial")
        if initial is not None and wait_max < initial:
            raise ValueError(f"expected at least wait_initial, {spelled(initial)}")
        return wait_max


class SourceSettings(Section):
    """Who sends events, and to which destinations they go."""

    id: Id
    write_key: SecretStr
    webhook_secret: SecretStr | None = None
    destinations: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(min_length=1)

    @field_validator("destinations")
    @classmethod
    def _exist_once(cls, named: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = (info.context or {}).get("destinations", named)
        for name in named:
            if name not in known:
                expected = f"expected ids of destinations ({', '.join(known) or 'there are none'})"
                raise ValueError(f"{expected}; found {shown(name)}{did_you_mean(name, known)}")
        if len(set(named)) < len(named):
            raise ValueError("expected each destination once")
        return named


class OperatorSettings(Section):
    """Who may use the console and its API, by a token; `read_only` changes nothing with it."""

    id: Id
    token: SecretStr
    read_only: bool = False


LONGEST_DEADLINE = timedelta(seconds=60)


class DestinationSettings(Section):
    """What every kind of destination has; each kind adds its own."""

    id: Id
    kind: str
    base_url: HttpUrl | None = None
    queue: Id = Field(default_factory=lambda data: data["id"])
    rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    burst: int = Field(default_factory=lambda data: max(1, math.ceil(data["rate"] or 1)), ge=1)
    concurrency: int = Field(default=4, ge=1, le=64)
    pumps: int = Field(default=2, ge=1)
    partitions: int = Field(default=32, ge=1, le=1024)
    retry: RetrySettings = RetrySettings()
    dedupe_window: Duration = Field(default=timedelta(hours=24), ge=timedelta(hours=24))
    connect_timeout: SomeDuration = timedelta(seconds=3)
    read_timeout: SomeDuration = timedelta(seconds=10)
    deadline: SomeDuration = Field(default=timedelta(seconds=15), le=LONGEST_DEADLINE)
    timestamp: Literal["corrected", "original"] = "corrected"
    backlog_mark: int = Field(default=1_000_000, ge=1)
    backlog_age_mark: SomeDuration = timedelta(hours=1)
    billing_day: int = Field(default=1, ge=1, le=28)
    filters: Annotated[tuple[FilterSettings, ...], AfterValidator(reachable)] = Field(
        default_factory=tuple, max_length=FILTERS_MAX
    )
    deliver_from: Moment | None = None
    dry_run: bool = False


class _AnyKind(DestinationSettings, extra="ignore"):
    """What can be checked while the kind is not known."""


class Settings(Section):
    """Everything that an operator decides. URLs are secrets, for they may hold a password."""

    store_url: StoreUrl
    broker_url: BrokerUrl = Field(default_factory=lambda data: data["store_url"])
    sources: dict[str, SourceSettings]
    destinations: dict[str, DestinationSettings]
    operators: dict[str, OperatorSettings] = Field(default_factory=dict)
    request_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1)
    event_bytes_max: int = Field(default=32 * 1024, ge=1)
    batch_events_max: int = Field(default=2500, ge=1)
    webhook_bytes_max: int = Field(default=16 * 1024 * 1024, ge=1)
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_split)] = Field(
        default_factory=tuple
    )
    store_wait: Duration = timedelta(seconds=3)
    log_format: Literal["json", "console"] = "json"
    sentry_dsn: Dsn | None = None
    sentry_sample_rate: Share = 1.0
    sentry_traces_sample_rate: Share = 0.0
    environment: str = Field(default="production", min_length=1)
    release: str | None = Field(default=None, min_length=1)

    @property
    def store_address(self) -> str:
        """Host and port of the store, or its socket: what of the URL may be shown."""
        url = urlsplit(self.store_url.get_secret_value())
        return f"{url.hostname}:{url.port or 6379}" if url.hostname else url.path


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
    """What relay.toml (`path`, else RELAY_CONFIG, else ./relay.toml) and RELAY_* say.

    The environment comes first. Raises SettingsError, which names every fault.
    """
    written = read(path, os.environ if environ is None else environ)
    if not written.complete:
        raise SettingsError(written.faults)
    check = Check(written)
    values = check.opened(Settings, ()) | {
        "destinations": _destinations(check, kinds),
        "sources": _sources(check),
        "operators": _operators(check),
    }
    settings = check.section(Settings, (), values)
    if settings is None or check.faults:
        raise SettingsError(tuple(check.faults))
    return settings


def files(path: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The files that `load` would read: relay.toml, and those that hold secrets."""
    return files_of(read(path, os.environ if environ is None else environ))


def load_or_exit(kinds: Mapping[str, type[DestinationSettings]]) -> Settings:
    """The settings of a process that does nothing without them: it ends with 1 and all faults."""
    try:
        return load(kinds)
    except SettingsError as error:
        sys.stderr.write(f"the configuration is refused:\n{error}\n")
        raise SystemExit(1) from None


def _destinations(
    check: Check, kinds: Mapping[str, type[DestinationSettings]]
) -> dict[str, DestinationSettings]:
    built = {
        name: _destination(check, name, kinds)
        for name in _ids(check, "destinations", required=True)
    }
    return {name: destination for name, destination in built.items() if destination}


def _destination(
    check: Check, name: str, kinds: Mapping[str, type[DestinationSettings]]
) -> DestinationSettings | None:
    where = ("destinations", name)
    kind = check.table(where).get("kind")
    cls = kinds.get(kind) if isinstance(kind, str) else None
    if cls is not None:
        return check.section(cls, where, check.opened(cls, where), given={"id": name})
    check.refuse((*where, "kind"), _unknown_kind(check, name, kind, kinds))
    rest = check.opened(_AnyKind, where) | {"kind": ""}
    return check.section(_AnyKind, where, rest, given={"id": name})


def _unknown_kind(check: Check, name: str, kind: object, kinds: Iterable[str]) -> str:
    expected = f"expected one of: {', '.join(sorted(kinds))}"
    if kind is not None:
        return f"{expected}; found {shown(kind)}{did_you_mean(str(kind), kinds)}"
    others = [other for other in check.table(("destinations",)) if other != name]
    return f"{expected}; found none{did_you_mean(name, others, of='destination')}"


def _sources(check: Check) -> dict[str, SourceSettings]:
    names = _ids(check, "sources", required=True)
    tables = {name: check.opened(SourceSettings, ("sources", name)) for name in names}
    _refuse_shared(check, "sources", tables, "write_key")
    known = {"destinations": [name for name in check.table(("destinations",)) if _is_id(name)]}
    built = {
        name: check.section(
            SourceSettings, ("sources", name), table, given={"id": name}, context=known
        )
        for name, table in tables.items()
    }
    return {name: source for name, source in built.items() if source}


def _operators(check: Check) -> dict[str, OperatorSettings]:
    names = _ids(check, "operators", required=False)
    tables = {name: check.opened(OperatorSettings, ("operators", name)) for name in names}
    _refuse_shared(check, "operators", tables, "token")
    built = {
        name: check.section(OperatorSettings, ("operators", name), table, given={"id": name})
        for name, table in tables.items()
    }
    return {name: operator for name, operator in built.items() if operator}


def _refuse_shared(
    check: Check, table: Table, written: Mapping[str, Mapping[str, Any]], secret: str
) -> None:
    holders: dict[str, str] = {}
    for name, settings in written.items():
        key = settings.get(secret)
        if isinstance(key, str) and (holder := holders.setdefault(key, name)) != name:
            word, of = secret.rpartition("_")[2], table.removesuffix("s")
            why = f"expected a {word} of its own; found that of the {of} {holder}"
            check.refuse((table, name, secret), why)


def _ids(check: Check, tables: Table, *, required: bool) -> list[str]:
    found = check.table((tables,))
    good = [name for name in found if _is_id(name)]
    if required and check.written.at((tables,)) in (None, {}):
        check.refuse((tables,), f"expected at least one [{tables}.<id>]; found none")
    for name in [name for name in found if name not in good]:
        near = did_you_mean(name, good)
        check.refuse((tables, name), f"{_ID_EXPECTED}; found {shown(name)}{near}")
    return good
