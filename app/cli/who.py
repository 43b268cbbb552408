"""Who does something to a destination, for the record of what operators did."""

import getpass
import os
from typing import Annotated

import typer

Who = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who does it; default: your user name.")
]


def who_it_is(named: str | None) -> str:
    """The name that was given, else the user's; a container's user may have none."""
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
