"""What relay.toml and the environment say, merged and not yet checked, each with its place."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

PREFIX = "RELAY_"
CONFIG = "RELAY_CONFIG"
FILE = Path("relay.toml")

TABLES = ("sources", "destinations", "operators")  # of which each has tables of its own, by id

Where = tuple[str | int, ...]
Values = dict[str, Any]

# Kubernetes sets these in every container when the name of a service begins with `relay`.
_SERVICE = re.compile(
    r"RELAY(_\w+)?_(SERVICE_(HOST|PORT\w*)=|PORT_\d+_(TCP|UDP|SCTP)\w*=|PORT=\w+://).*"
)


@dataclass(frozen=True, slots=True)
class Written:
    """The merged values, and where each came from.

    `faults` is what could not be read; `complete` is false when that is the whole file.
    """

    values: Values
    file: Path | None
    in_file: Values
    variables: Mapping[Where, str]
    faults: tuple[str, ...]
    complete: bool

    def at(self, where: Where) -> object:
        """What stands there; None when nothing does."""
        return _at(self.values, where)

    def is_in_file(self, where: Where) -> bool:
        """Whether the file says it, which the environment may overrule."""
        return _at(self.in_file, where) is not None

    def place(self, where: Where) -> str:
        """Where an operator finds this value, or where it is missing."""
        for end in range(len(where), 0, -1):
            if variable := self.variables.get(where[:end]):
                return f"{variable}{_dotted(where[end:], first=': ')}"
        for path, variable in self.variables.items():
            if path[: len(where)] == where and not isinstance(_at(self.in_file, where), dict):
                return variable
        if self.file is not None and isinstance(_at(self.in_file, where[:-1]), dict | list):
            return f"{self.file}: {_dotted(where)}"
        return variable_name(where)


def read(path: Path | None, environ: Mapping[str, str]) -> Written:
    """Both sources, the environment above the file; what cannot be read is among the faults."""
    variables: dict[Where, str] = {}
    faults: list[str] = []
    from_environment = _environment(environ, variables, faults)
    file = _file(path, environ)
    in_file = _toml(file, faults) if file else {}
    values = _merged(from_environment, _without_twins(in_file or {}, from_environment))
    return Written(values, file, in_file or {}, variables, tuple(faults), in_file is not None)


def files_of(written: Written) -> tuple[Path, ...]:
    """The file of settings, if there is one, and every file that one of them names."""
    named = (
        Path(value)
        for where, value in _leaves(written.values)
        if where and where[-1].endswith("_file") and isinstance(value, str)
    )
    return (*([written.file] if written.file else []), *named)


def variable_name(where: Where) -> str:
    """The environment's name of a setting: ids keep their case, the rest is upper case."""
    named = [
        str(part) if index == 1 and where[0] in TABLES else str(part).upper()
        for index, part in enumerate(where)
    ]
    return PREFIX + "__".join(named)


def _merged(above: Values, below: Values) -> Values:
    class Tables(BaseSettings, extra="allow"):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: object, **__: object
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, values) for values in (above, below))

    return Tables().model_extra or {}


def _without_twins(below: Values, above: Values) -> Values:
    """The lower values without `x` where the upper ones give `x_file`, and the other way round."""
    hidden = {f"{name}_file" for name in above} | {name.removesuffix("_file") for name in above}
    return {
        name: _without_twins(value, above[name])
        if isinstance(value, dict) and isinstance(above.get(name), dict)
        else value
        for name, value in below.items()
        if name in above or name not in hidden
    }


def _environment(
    environ: Mapping[str, str], variables: dict[Where, str], faults: list[str]
) -> Values:
    values: Values = {}
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if not name.startswith(PREFIX) or name == CONFIG or _is_of_kubernetes(name, environ[name]):
            continue
        where = _where(name)
        written: object = environ[name]
        if _is_table(where):
            written = _json_object(environ[name])
            if written is None:
                faults.append(f"{name}: expected a JSON object")
                continue
        for inner, value in _leaves(written):
            if not _put(values, (*where, *inner), value):
                faults.append(f"{name}: expected nothing; {_outer(where, variables)} gives it all")
            elif value != {}:
                variables[(*where, *inner)] = f"{name}{_dotted(inner, first=': ')}"
    return values


def _is_of_kubernetes(name: str, value: str) -> bool:
    return "__" not in name and bool(_SERVICE.fullmatch(f"{name}={value}"))


def _where(name: str) -> tuple[str, ...]:
    """The path that a variable names; all but ids may be upper case."""
    parts = name.removeprefix(PREFIX).split("__")
    below = parts[0].lower() in TABLES
    return tuple(
        part if below and index == 1 else part.lower() for index, part in enumerate(parts)
    )


def _is_table(where: tuple[str, ...]) -> bool:
    return where[0] in TABLES and where[2:] in ((), ("retry",))


def _json_object(text: str) -> Values | None:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _leaves(value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if not isinstance(value, dict) or not value:
        yield (), value
        return
    for name, inner in value.items():
        for path, leaf in _leaves(inner):
            yield (name, *path), leaf


def _put(values: Values, where: tuple[str, ...], value: object) -> bool:
    """Whether the value found its place; it finds none inside something that is no table."""
    for part in where[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            return False
    if not (value == {} and isinstance(values.get(where[-1]), dict)):
        values[where[-1]] = value
    return True


def _outer(where: tuple[str, ...], variables: Mapping[Where, str]) -> str:
    outer = (variables.get(where[:end]) for end in range(len(where), 0, -1))
    return next((name for name in outer if name), variable_name(where[:-1]))


def _file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is None and CONFIG in environ:
        return Path(environ[CONFIG])
    return path or (FILE if FILE.exists() else None)


def _toml(file: Path, faults: list[str]) -> Values | None:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as wrong:
        faults.append(f"{file}: expected TOML; {wrong}")
    except UnicodeDecodeError as wrong:
        faults.append(f"{file}: expected UTF-8 text; byte {wrong.start} is none")
    except OSError as wrong:
        faults.append(f"{file}: expected a file of settings ({CONFIG} names it); {wrong.strerror}")
    return None


def _at(values: object, where: Where) -> object:
    for part in where:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values


def _dotted(where: Where, *, first: str = "") -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return f"{first}{text.removeprefix('.')}" if text else ""
