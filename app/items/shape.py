"""What every shape is made of."""

import msgspec
from msgspec import Raw

Item = dict[str, object]


def payload(event: bytes) -> Raw | str:
    """The JSON of an event in one line, its values untouched; as text what is no JSON."""
    try:
        event.decode()
        return Raw(msgspec.json.format(event, indent=-1))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event.decode(errors="replace")
