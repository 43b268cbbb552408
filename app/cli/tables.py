"""Tables on standard output."""

from rich.console import Console
from rich.table import Table

WIDTH_ELSEWHERE = 10_000


def show(table: Table) -> None:
    """Fit the table to the terminal; elsewhere leave every row on one line."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    console.print(table)
