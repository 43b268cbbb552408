"""Which configuration a command works with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import FAILED, leave, note
from app.settings import Settings, SettingsError

HERE = Path("relay.toml")
DEVELOPMENT = Path(".relay/relay.toml")
ADVICE = f"copy relay.example.toml to {HERE} and fill it in, or name your file with --config"

Config = Annotated[
    Path | None,
    typer.Option("--config", help="relay.toml to use; default: RELAY_CONFIG, else ./relay.toml."),
]


def settings(config: Path | None) -> Settings:
    """The settings; ends the command with all faults when they are refused."""
    try:
        return loaded(config)
    except SettingsError as error:
        hint = f"\nno {HERE} in {Path.cwd()}: {ADVICE}" if is_missing(config) else ""
        leave(f"the configuration is refused:\n{error}{hint}", FAILED)


def loaded(config: Path | None) -> Settings:
    """The settings. Raises SettingsError."""
    from app.destinations import ACCOUNTS
    from app.settings import load

    return load(ACCOUNTS, path=config or _development())


def is_missing(config: Path | None) -> bool:
    """Whether there is no file at all, so that the environment alone would have to say it all."""
    named = config is not None or "RELAY_CONFIG" in os.environ
    return not (named or HERE.exists() or DEVELOPMENT.exists())


def _development() -> Path | None:
    """What `relay dev` wrote, when nothing else says which configuration to use."""
    if "RELAY_CONFIG" in os.environ or HERE.exists() or not DEVELOPMENT.exists():
        return None
    note(f"uses {DEVELOPMENT}, written by relay dev")
    return DEVELOPMENT
