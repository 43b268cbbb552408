"""What of a report leaves: an allow-list. What the SDK or a library adds stays here. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from app.vocabulary import masked

OURS = "relay_line"  # marks, in a hint, an event that `lines.py` has made
NAMELESS = "other"

TAGS = ("destination", "group", "reason", "status", "cause", "by", "count", "seconds")

_HEAD = ("event_id", "timestamp", "level", "platform", "release", "environment", "sdk")
_FRAME = ("module", "function", "lineno", "in_app")
_TIMES = ("start_timestamp", "timestamp")
_SPAN = ("trace_id", "span_id", "parent_span_id", "op", "origin", "status", *_TIMES)
_NAMED_BY_CODE = {"task", "route", "component"}
_CODE_NAME = re.compile(r"[\w.<>]{1,200}", re.ASCII)

Event = Mapping[str, Any]


def scrubbed(event: Event, *, ours: bool) -> dict[str, Any]:
    """An error without all that may be somebody's: messages, values, requests, users, machines.

    Of what is `ours` also the words, tags and fingerprint that were made to be shown.
    """
    kept = _only(_HEAD, event)
    if ours:
        kept |= _only(("logger", "message", "fingerprint"), event)
        kept["tags"] = _only(TAGS, event.get("tags") or {})
    if exceptions := [_exception(one) for one in _values(event.get("exception"))]:
        kept["exception"] = {"values": exceptions}
    if "fingerprint" not in kept:
        kept["fingerprint"] = kind(exceptions)
    return kept


def scrubbed_trace(event: Event) -> dict[str, Any]:
    """A transaction as names of code and times."""
    source = (event.get("transaction_info") or {}).get("source")
    name = str(event.get("transaction"))
    known = source in _NAMED_BY_CODE and _CODE_NAME.fullmatch(name)
    return _only((*_HEAD, "type", "start_timestamp"), event) | {
        "transaction": name if known else NAMELESS,
        "transaction_info": {"source": source if known else "custom"},
        "contexts": {"trace": _only(_SPAN, (event.get("contexts") or {}).get("trace") or {})},
        "spans": [_only(_SPAN, span) for span in event.get("spans") or ()],
    }


def kind(exceptions: list[dict[str, Any]]) -> list[str]:
    """What is one issue: the type of exception and the function that raised it."""
    if not exceptions:
        return ["unknown"]
    last = exceptions[-1]
    frames = last["stacktrace"]["frames"]
    ours = [frame for frame in frames if frame.get("in_app")] or frames
    at = ours[-1] if ours else {}
    return [str(last.get("type")), str(at.get("module")), str(at.get("function"))]


def _exception(one: Event) -> dict[str, Any]:
    mechanism = one.get("mechanism") or {}
    frames = (one.get("stacktrace") or {}).get("frames") or ()
    return _only(("type", "module"), one) | {
        "value": masked(str(one.get("value") or "")),
        "mechanism": _only(("type", "handled"), mechanism),
        "stacktrace": {"frames": [_only(_FRAME, frame) for frame in frames]},
    }


def _values(interface: Any) -> list[Event]:  # noqa: ANN401 - JSON enters
    return list((interface or {}).get("values") or ())


def _only(names: tuple[str, ...], given: Event) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name) is not None}
