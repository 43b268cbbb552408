"""A group of commands below `relay`."""

import typer


def group(name: str, about: str) -> typer.Typer:
    """Prints its help where no command is named."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)
