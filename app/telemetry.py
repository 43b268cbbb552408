"""Where logs and errors go: lines on standard error, all in one format, and Sentry if configured.

The lines of libraries (Celery, uvicorn, asyncio, warnings) go through the same format. No line has
a payload or a secret: exceptions are told as `faults.py` has it.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import structlog
from sentry_sdk.integrations import Integration
from structlog.types import EventDict, Processor, WrappedLogger

from app import reports
from app.faults import described, named
from app.settings import Settings

# What these say at INFO, and of failed tasks, the relay's own lines say better; some of it holds
# arguments, URLs or query strings.
LEVELS = {
    "celery.app.trace": logging.CRITICAL + 1,
    "celery.worker.strategy": logging.WARNING,
    "multiprocessing": logging.WARNING,
    "uvicorn.access": logging.CRITICAL + 1,
    "urllib3": logging.ERROR,
    "httpx": logging.WARNING,
}

FIRST = ("timestamp", "level", "event", "logger")

logger = structlog.get_logger("process")


def configure(settings: Settings, integrations: Sequence[Integration] = ()) -> None:
    """Set up logs and error reports of this process; neither ever carries payloads or secrets.

    `integrations` are Sentry's for what the process runs.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_told, *shared],
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(settings),
            ],
        )
    )
    reporting = reports.begin(settings, integrations)
    handlers = [lines, *([reports.ReportHandler()] if reporting else [])]
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    _take_over()


def _rendering(settings: Settings) -> list[Processor]:
    if settings.log_format == "json":
        return [_structured, _in_order, structlog.processors.JSONRenderer(default=str)]
    # For the eyes of developers, with messages of exceptions but without the values of variables.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _take_over() -> None:
    """Let the lines of servers come here, and what nobody has caught."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "celery"):
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


def _told(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The message of a library, with exceptions in it told as they may be."""
    record = event["_record"]
    args = event.pop("positional_args", ())
    event["event"] = _message(record.msg, args)
    return event


def _message(said: object, args: Any) -> str:  # noqa: ANN401 - as logging takes it
    if isinstance(said, BaseException):
        return named(said)
    if isinstance(args, dict):
        return str(said) % {name: _argument(value) for name, value in args.items()}
    if args:
        return str(said) % tuple(map(_argument, args))
    return str(said).partition("\n")[0]  # what follows describes objects, and values with them


def _argument(value: object) -> object:
    return _Told(value) if isinstance(value, BaseException) else value


class _Told(str):
    """An exception as it may be told, wherever it is put."""

    __slots__ = ()

    def __new__(cls, error: BaseException) -> "_Told":
        return super().__new__(cls, named(error))

    def __repr__(self) -> str:
        return str(self)


def _structured(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception as fields, without its message as it is."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given if isinstance(given, BaseException) else given[1] if given else None
    if error is not None:
        event["exception"] = described(error)
    return event


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When and what first, for whoever reads it without tools."""
    return {name: event.pop(name) for name in FIRST if name in event} | dict(event)


def _crashed(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.error("process.crashed", exc_info=(kind, error, traceback))


def _thread_crashed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        logger.error("thread.crashed", exc_info=args.exc_value)
