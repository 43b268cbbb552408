"""Conditions on events as people write them: a path in dot notation, and the value there."""

import json
import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

Scalar = str | int | float | bool


def _text(written: object) -> object:
    if isinstance(written, str) and not written.strip():
        raise ValueError("expected a text that is not empty; found an empty one")
    return written


def _paths(properties: dict[str, Scalar]) -> dict[str, Scalar]:
    for path in properties:
        if not all(path.split(".")):
            expected = "expected paths in dot notation, such as object.name"
            raise ValueError(f"{expected}; found {json.dumps(path, ensure_ascii=False)}")
    return properties


def _scalar(value: object) -> object:
    finite = not isinstance(value, float) or math.isfinite(value)
    if not isinstance(value, Scalar) or not finite:
        raise ValueError("expected a text, a number, true or false")
    return value


Words = Annotated[str, BeforeValidator(_text)]
Properties = Annotated[dict[str, Annotated[Any, AfterValidator(_scalar)]], AfterValidator(_paths)]
