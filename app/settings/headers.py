"""Texts that travel in a header of HTTP."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

_VALUE = re.compile(r"[!-~]+")


def _fits(value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise ValueError("expected visible ASCII characters without spaces, and at least one")
    return value


def _secret_fits(value: SecretStr) -> SecretStr:
    _fits(value.get_secret_value())
    return value


HeaderText = Annotated[str, AfterValidator(_fits)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_secret_fits)]
