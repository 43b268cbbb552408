"""How a command ends: its exit code, and what it says when it cannot do its work."""

import sys
from typing import NoReturn

import typer

DONE = 0
FAILED = 1
WRONG_USE = 2
UNREACHABLE = 3


def note(message: str) -> None:
    """Say something beside the command's result."""
    sys.stderr.write(f"relay: {message}\n")


def leave(message: str, code: int) -> NoReturn:
    """Say why, and end with this code."""
    note(message)
    raise typer.Exit(code)
