"""What an operator reads about a setting that is wrong."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from difflib import get_close_matches

from pydantic import SecretStr
from pydantic_core import ErrorDetails

from app.settings.durations import spelled

SHOWN_MAX = 60

_SORTS: dict[str, type | tuple[type, ...]] = {
    "nothing": type(None),
    "a text": (str, SecretStr),
    "true or false": bool,
    "a number": (int, float),
    "a table": Mapping,
    "a list": (list, tuple),
}
_CREDENTIALS = re.compile(r"//.*@")

_EXPECTED = {
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def refusal(error: ErrorDetails) -> str:
    """What was expected, in the words of a validator of ours or in those for pydantic's."""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    bounds = {
        name: f"{bound:g}" if isinstance(bound, float) else bound
        for name, bound in context.items()
    }
    expected = _EXPECTED.get(error["type"])
    return f"expected {expected.format(**bounds)}" if expected else error["msg"]


def did_you_mean(written: str, known: Iterable[str], *, of: str = "") -> str:
    near = get_close_matches(written.lower(), list(known), n=1)
    return f"; did you mean {f'the {of} ' if of else ''}{near[0]}?" if near else ""


def shown(value: object, *, secret: bool = False) -> str:
    """A value for a person to recognise; of a secret only what sort of value it is."""
    if isinstance(value, str) and not value.strip():
        return "an empty string"
    if isinstance(value, list | tuple) and not value:
        return "an empty list"
    if isinstance(value, timedelta):
        return spelled(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float) and not secret:
        text = _CREDENTIALS.sub("//***@", json.dumps(value, ensure_ascii=False))
        return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
    sorts = (sort for sort, types in _SORTS.items() if isinstance(value, types))
    return next(sorts, f"a {type(value).__name__}")
