"""Tables of settings: secrets from files, and every fault with its place."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from app.settings.wording import did_you_mean, refusal, shown
from app.settings.written import Where, Written, variable_name


class Section(BaseModel):
    """A table of relay.toml. Its own errors never show what was written: it may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _unpacked(cls, written: object, info: ValidationInfo) -> object:
        """The environment gives lists and mappings as JSON; true and false are no numbers."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        if isinstance(written, bool) and not _mentions(annotation, bool):
            raise ValueError("expected neither true nor false")
        if isinstance(written, str) and written.lstrip()[:1] in ("[", "{"):
            return _from_json(written) if _is_container(annotation) else written
        return written

    @field_validator("*")
    @classmethod
    def _usable_secret(cls, value: object) -> object:
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if not secret or secret != secret.strip() or not secret.isprintable():
                raise ValueError("expected a text, not empty, in one line, no spaces around it")
        return value


SectionT = TypeVar("SectionT", bound=Section)


class Check:
    """What was written, turned into sections; gathers every fault on the way."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.faults = list(written.faults)
        self.unreadable: set[Where] = set()

    def refuse(self, where: Where, why: str) -> None:
        fault = f"{self.written.place(where)}: {why}"
        if fault not in self.faults:
            self.faults.append(fault)

    def table(self, where: Where) -> dict[str, Any]:
        """What is written in a table; empty when there is none."""
        table = self.written.at(where)
        if table is None or isinstance(table, dict):
            return table or {}
        self.refuse(where, f"expected a table; found {shown(table, secret=True)}")
        return {}

    def opened(self, cls: type[Section], where: Where) -> dict[str, Any]:
        """What is written in a table, with the secrets that files hold read from them."""
        table = dict(self.table(where))
        for name in secret_names(cls):
            if (file := table.pop(f"{name}_file", None)) is None:
                continue
            if name in table:
                self.refuse((*where, name), f"expected {name} or {name}_file; found both")
                continue
            try:
                table[name] = _secret(file)
            except ValueError as wrong:
                self.refuse((*where, f"{name}_file"), str(wrong))
                self.unreadable.add((*where, name))
        return table

    def section(
        self,
        cls: type[SectionT],
        where: Where,
        table: Mapping[str, object],
        *,
        given: Mapping[str, object] = MappingProxyType({}),
        context: Mapping[str, object] | None = None,
    ) -> SectionT | None:
        """The section that a table makes with what is given; None after explaining why not."""
        for name in table.keys() & given.keys():
            self.refuse((*where, name), "unknown setting")
        try:
            return cls.model_validate({**table, **given}, context=context)
        except ValidationError as wrong:
            errors = wrong.errors(include_url=False)
        for error in errors:
            self._explain(cls, where, error)
        return None

    def _explain(self, cls: type[Section], where: Where, error: ErrorDetails) -> None:
        loc, value = error["loc"], error["input"]
        owner, secret = _owner(cls, loc)
        at = (*where, *loc)
        match error["type"]:
            case "default_factory_not_called":
                pass
            case "missing" if at in self.unreadable:
                pass
            case "missing":
                why = str(error.get("ctx", {}).get("why", ""))
                self.refuse(at, _missing(at, why, secret=secret))
            case "extra_forbidden":
                self.refuse(at, f"unknown setting{did_you_mean(str(loc[-1]), names(owner))}")
            case _ if not loc or not (message := refusal(error)).startswith("expected"):
                self.refuse(at, refusal(error))
            case _ if "; found" in message:
                self.refuse(at, message)
            case _:
                if self.written.at(at) is None and secret:
                    at = (*where, f"{loc[0]}_file")
                self.refuse(at, f"{message}; found {shown(value, secret=secret)}")


def names(cls: type[BaseModel]) -> list[str]:
    """What may be written in a section; a secret also as the file that holds it."""
    secrets = secret_names(cls)
    return [
        written
        for name in cls.model_fields
        if name != "id"
        for written in ([name, f"{name}_file"] if name in secrets else [name])
    ]


def secret_names(cls: type[BaseModel]) -> list[str]:
    return [
        name for name, field in cls.model_fields.items() if _mentions(field.annotation, SecretStr)
    ]


def _secret(file: object) -> str:
    """What the file holds, stripped. Raises ValueError, which never shows a secret."""
    if not isinstance(file, str) or not file.strip():
        raise ValueError(f"expected the path of a file; found {shown(file, secret=True)}")
    # Who mistakes x_file for x writes the secret itself here.
    path = file if file.startswith(("/", "./", "../")) else "the file that it names"
    try:
        content = Path(file).read_text(encoding="utf-8").strip()
    except OSError as wrong:
        raise ValueError(f"expected a file that can be read; {path}: {wrong.strerror}") from None
    except ValueError:
        raise ValueError(f"expected UTF-8 text; {path} holds something else") from None
    if not content:
        raise ValueError(f"expected a secret; {path} is empty")
    return content


def _owner(cls: type[BaseModel], loc: Where) -> tuple[type[BaseModel], bool]:
    """The model in which a location ends, and whether the value there is a secret."""
    secret = False
    for part in loc:
        field = cls.model_fields.get(str(part))
        if field is None:
            break
        secret = _mentions(field.annotation, SecretStr)
        cls = next(_models(field.annotation), cls)
    return cls, secret


def _missing(at: Where, why: str, *, secret: bool) -> str:
    if any(isinstance(part, int) for part in at):
        return f"expected a value; found none (set {at[-1]}; {why or 'no default'})"
    name, file = at[-1], f", {at[-1]}_file" if secret else ""
    ways = f"set {name}{file} or {variable_name(at)}"
    return f"expected a value; found none ({ways}; {why or 'no default'})"


def _mentions(annotation: object, *types: type) -> bool:
    return annotation in types or any(_mentions(part, *types) for part in get_args(annotation))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _is_container(annotation: object) -> bool:
    origin = get_origin(annotation)
    return (
        next(_models(annotation), None) is not None
        or (isinstance(origin, type) and issubclass(origin, (Collection, Mapping)))
        or any(_is_container(part) for part in get_args(annotation))
    )


def _from_json(written: str) -> object:
    try:
        return json.loads(written)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"expected JSON; it breaks at column {wrong.colno}") from None
