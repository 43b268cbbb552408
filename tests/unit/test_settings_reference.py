"""docs/settings.md and the models name the same settings, with the same defaults."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic.fields import FieldInfo

from app.destinations import ACCOUNTS
from app.settings import (
    DestinationSettings,
    OperatorSettings,
    RetrySettings,
    Settings,
    SourceSettings,
)
from app.settings.durations import spelled
from app.settings.sections import Section, secret_names
from app.settings.written import variable_name

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
DESTINATION = ("destinations", "<id>")


class Row(NamedTuple):
    title: str
    name: str
    variable: str
    secret: bool


def test_every_setting_stands_in_the_reference_and_every_row_exists() -> None:
    assert sorted(_documented()) == sorted(row for row, _ in _settings())


def test_the_reference_names_the_defaults() -> None:
    documented = _documented()
    plain = {row: default for row, field in _settings() if (default := _default(field))}
    assert {row: documented.get(row) for row in plain} == plain


def _settings() -> Iterator[tuple[Row, FieldInfo]]:
    yield from _rows("General", Settings, but={"sources", "destinations", "operators"})
    yield from _rows("Sources", SourceSettings, "sources", "<id>", but={"id"})
    yield from _rows("Operators", OperatorSettings, "operators", "<id>", but={"id"})
    yield from _rows("Destinations", DestinationSettings, *DESTINATION, but={"id", "retry"})
    yield from _rows("Destinations", RetrySettings, *DESTINATION, "retry")
    for kind, account in ACCOUNTS.items():
        common = set(DestinationSettings.model_fields)
        yield from _rows(f"Kind `{kind}`", account, *DESTINATION, but=common)


def _rows(
    title: str, cls: type[Section], *where: str, but: set[str] | None = None
) -> Iterator[tuple[Row, FieldInfo]]:
    for name, field in cls.model_fields.items():
        if name not in (but or ()):
            path = (*where, name)
            variable = variable_name(path)
            yield Row(title, ".".join(path), variable, name in secret_names(cls)), field


def _default(field: FieldInfo) -> str | None:
    """The default as the page spells it; None when it depends on other settings."""
    if field.default_factory is not None:
        return None
    match field.default:
        case _ if field.is_required():
            return "required"
        case None:
            return "none"
        case timedelta() as length:
            return f"`{spelled(length)}`"
        case bool() as whether:
            return f"`{str(whether).lower()}`"
        case value:
            return f"`{value}`"


def _documented() -> dict[Row, str]:
    """The rows of the page's tables, each with the default that it names."""
    found: dict[Row, str] = {}
    for section in re.split(r"(?m)^## ", PAGE.read_text())[1:]:
        title, _, text = section.partition("\n")
        for line in re.findall(r"(?m)^\| `.*", text):
            name, variable, kind, default, meaning = re.findall(r"\| (.+?) (?=\|)", line)
            row = Row(title, name.strip("`"), variable.strip("`"), secret=kind == "secret")
            assert meaning, line
            assert row not in found, line
            found[row] = default
    return found
