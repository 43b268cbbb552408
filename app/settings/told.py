"""Every setting in effect, as an operator may see it: its value, its unit and where it comes from.

Pure. A secret says that it is set and no more; of the URLs of store and broker the host is shown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from app.settings import Settings
from app.settings.durations import spelled
from app.settings.written import Where, Written

Origin = Literal["environment", "file", "default"]

MASK: Final = "***"
NONE: Final = "none"
UNITS: Final[Mapping[str, str]] = {
    "request_bytes_max": "bytes",
    "event_bytes_max": "bytes",
    "webhook_bytes_max": "bytes",
    "batch_events_max": "events",
    "rate": "events a second",
    "burst": "events",
    "concurrency": "requests at once",
    "pumps": "pumps at once",
    "partitions": "partitions",
    "backlog_mark": "deliveries",
    "billing_day": "day of the month",
    "attempts_max": "attempts",
    "sentry_sample_rate": "share of errors",
    "sentry_traces_sample_rate": "share of requests and pumps",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A setting: `value` as relay.toml would spell it, or masked where it is `secret`.

    `place` names the variable or the file that it comes from, and is empty for a default. `unit`
    is empty where the value is no number: a length of time names its own.
    """

    name: str
    value: str
    unit: str
    secret: bool
    origin: Origin
    place: str


def told(settings: Settings, written: Written) -> list[Told]:
    """All of them; `written` is what they were read from. General ones first, then by table."""
    return list(_section(settings, (), written))


def changed(now: Sequence[Told], before: Sequence[Told]) -> list[str]:
    """The names of the settings that differ between two readings.

    A secret that was changed looks the same: compare the settings themselves for that.
    """
    was, is_ = ({one.name: one.value for one in reading} for reading in (before, now))
    return [name for name in {**was, **is_} if was.get(name) != is_.get(name)]


def _section(section: BaseModel, where: Where, written: Written) -> Iterator[Told]:
    """What is no table itself comes first."""
    fields = [name for name in type(section).model_fields if name != "id"]
    values = {name: getattr(section, name) for name in fields}
    for name, value in values.items():
        if not _is_table(value):
            yield _told((*where, name), value, written)
    for name, value in values.items():
        if isinstance(value, BaseModel):
            yield from _section(value, (*where, name), written)
        elif _is_table(value):
            for id_, inner in value.items():
                yield from _section(inner, (*where, name, id_), written)


def _is_table(value: object) -> bool:
    """Whether it has settings of its own, itself or by id."""
    if isinstance(value, Mapping) and value:
        return all(isinstance(inner, BaseModel) for inner in value.values())
    return isinstance(value, BaseModel)


def _told(where: Where, value: object, written: Written) -> Told:
    origin, place = _origin(where, written)
    name = str(where[-1])
    unit = UNITS.get(name, "") if value is not None else ""
    dotted = ".".join(str(part) for part in where)
    return Told(dotted, _spelled(name, value), unit, isinstance(value, SecretStr), origin, place)


def _origin(where: Where, written: Written) -> tuple[Origin, str]:
    """The environment comes first; a secret may stand there as the file that holds it."""
    forms = (where, (*where[:-1], f"{where[-1]}_file"))
    for form in forms:
        for path, variable in written.variables.items():
            if path[: len(form)] == form:
                return "environment", variable
    for form in forms:
        if written.is_in_file(form):
            is_twin = "" if form == where else f": {form[-1]}"
            return "file", f"{written.file}{is_twin}"
    return "default", ""


def _spelled(name: str, value: object) -> str:
    match value:
        case None:
            return NONE
        case tuple() | dict() if not value:
            return NONE
        case SecretStr() if name.endswith("_url"):
            return _host(value.get_secret_value())
        case str() | SecretStr() | timedelta() | datetime():
            return _plain(value)
        case float():
            return f"{value:.12g}"
        case tuple() if all(isinstance(one, str) for one in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, default=_written, ensure_ascii=False)


def _written(value: object) -> object:
    """What JSON makes of a value that it does not know."""
    if isinstance(value, BaseModel):
        given = [name for name in type(value).model_fields if name in value.model_fields_set]
        return {name: getattr(value, name) for name in given}
    return _plain(value)


def _plain(value: object) -> str:
    match value:
        case SecretStr():
            return MASK
        case timedelta():
            return spelled(value)
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def _host(url: str) -> str:
    """Where it leads, without what may be a password: user, path and query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return MASK
    if not parts.hostname:
        return f"{parts.scheme}://{MASK}"
    masked = f"{MASK}@" if parts.username or parts.password else ""
    return f"{parts.scheme}://{masked}{parts.hostname}{port}"
