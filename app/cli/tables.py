"""What a command prints on standard output: tables, or JSON."""

import sys
from collections.abc import Mapping

import msgspec
from rich.console import Console
from rich.table import Table

WIDTH_ELSEWHERE = 10_000


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or change its colours."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def show(table: Table) -> None:
    """Fit the table to the terminal; elsewhere leave every row on one line."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    console.print(table)


def show_json(value: Mapping[str, object]) -> None:
    """Numbers in events stay as they are written."""
    shown = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(shown.decode() + "\n")
