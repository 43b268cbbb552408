"""Which lines of the log are reported, and what of them: all errors, and two warnings."""

import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, cast

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from app.faults import raised_at
from app.reports.scrubbed import OURS, TAGS
from app.vocabulary import masked

ALSO = frozenset({"group.opened", "groups.flooded"})

# Whose lines would be reports of reports, or say what is reported already.
_SILENT = ("sentry_sdk", "urllib3", "celery.app.trace")
_ISSUE = ("destination", "group", "cause")  # with the name of the line
_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@dataclass(frozen=True, slots=True)
class Line:
    """What is reported of a line."""

    title: str
    fingerprint: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    exc_info: ExcInfo | None = None


class ReportHandler(logging.Handler):
    """Hands errors to Sentry; a process without Sentry has no such handler."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_SILENT) and (line := reported(record)):
            _send(line, record)


def reported(record: logging.LogRecord) -> Line | None:
    """What is reported of a line, if it is."""
    if isinstance(record.msg, dict):
        return _own(record.msg, record.levelno)
    if record.levelno < logging.ERROR:
        return None
    return _foreign(record)


def _own(fields: Mapping[str, Any], level: int) -> Line | None:
    """A line of the relay: its name, and those of its fields that are names or numbers."""
    name = str(fields.get("event"))
    if level < logging.ERROR and name not in ALSO:
        return None
    tags = {tag: str(fields[tag]) for tag in TAGS if _TAG.fullmatch(str(fields.get(tag, "")))}
    issue = [tags[tag] for tag in _ISSUE if tag in tags]
    exc_info = _exc_info(fields.get("exc_info"))
    raised = [exc_info[0].__name__, raised_at(exc_info[2])] if exc_info else []
    why = f": {masked(str(fields['why']))}" if "why" in fields else ""
    about = " ".join(tags[tag] for tag in ("destination", "reason", "status") if tag in tags)
    return Line(f"{name} {about}{why}".strip(), (name, *issue, *raised), tags, exc_info)


def _foreign(record: logging.LogRecord) -> Line:
    """A library's: the words that stand in its code, which is not known of a text without gaps."""
    at = f"{record.name}.{record.funcName}"
    said = masked(str(record.msg)) if record.args else ""
    exc_info = _exc_info(record.exc_info)
    raised = [exc_info[0].__name__, raised_at(exc_info[2])] if exc_info else []
    return Line(f"{at}: {said}" if said else at, (at, said, *raised), exc_info=exc_info)


def _send(line: Line, record: logging.LogRecord) -> None:
    event: dict[str, Any] = {}
    hint: dict[str, Any] = {OURS: True}
    if line.exc_info:
        made, more = event_from_exception(
            line.exc_info,
            client_options=sentry_sdk.get_client().options,
            mechanism={"type": "logging", "handled": True},
        )
        event, hint = dict(made), hint | more
    event |= {
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": line.title,
        "tags": dict(line.tags),
        "fingerprint": list(line.fingerprint),
    }
    sentry_sdk.capture_event(cast("Any", event), hint)


def _exc_info(given: Any) -> ExcInfo | None:  # noqa: ANN401 - as logging takes it
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    found = sys.exc_info() if given is True else given
    return cast("ExcInfo", found) if found and found[1] is not None else None
