"""Events from images in pages and mails: a GET whose query is the event (Segment: Pixel API)."""

import binascii
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.ingest.answers import Answer, content
from app.ingest.body import MalformedError

PARAMETERS_MAX = 1000
LEVELS_MAX = 20

_TRANSPARENT = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

IMAGE: Answer = content(200, b"image/gif", _TRANSPARENT, ((b"cache-control", b"no-store"),))


def event(query: bytes) -> bytes:
    """The JSON of the event in a query: `data` in Base64, else plain parameters with dots.

    Raises MalformedError.
    """
    parameters = _parameters(query)
    data = dict(parameters).get("data")
    return _decoded(data) if data is not None else msgspec.json.encode(_nested(parameters))


def write_key(query: bytes) -> str | None:
    """The write key that stands in the query itself."""
    try:
        return dict(_parameters(query)).get("writeKey")
    except MalformedError:
        return None


def _parameters(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=PARAMETERS_MAX
        )
    except ValueError:
        raise MalformedError(f"expected at most {PARAMETERS_MAX} parameters") from None


def _decoded(data: str) -> bytes:
    """Base64 in either alphabet, padded or not; a query turns its plus signs into spaces."""
    written = data.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("data: expected JSON in Base64") from None


def _nested(parameters: list[tuple[str, str]]) -> dict[str, Any]:
    """`properties.plan=pro` as `{"properties": {"plan": "pro"}}`."""
    event: dict[str, Any] = {}
    for path, value in parameters:
        *outer, name = path.split(".")
        if len(outer) > LEVELS_MAX:
            raise MalformedError(f"expected at most {LEVELS_MAX} dots in a parameter's name")
        inner = event
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise MalformedError("expected each parameter to hold a value or others, not both")
        inner[name] = value
    return event
