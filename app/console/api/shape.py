"""How the description of the API tells what a JSON object holds, each member with an example."""

from collections.abc import Sequence
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


def _with_example(schema: dict[str, Any], shape: type[BaseModel]) -> None:
    schema["examples"] = [example(shape)]


class Shape(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra=_with_example, populate_by_name=True
    )


def one_of(*names: str) -> ConfigDict:
    """The configuration of a shape that has exactly one of these members."""
    return _required("oneOf", names)


def any_of(*names: str) -> ConfigDict:
    """The configuration of a shape that has at least one of these members."""
    return _required("anyOf", names)


def _required(how: str, names: Sequence[str]) -> ConfigDict:
    def extra(schema: dict[str, Any], shape: type[BaseModel]) -> None:
        _with_example(schema, shape)
        schema[how] = [{"required": [name]} for name in names]

    return ConfigDict(json_schema_extra=extra)


def told(example: object, description: str = "", **limits: Any) -> Any:  # noqa: ANN401 - as Field
    """A member of a shape; without a `default` it is always there."""
    return Field(examples=[example], description=description or None, **limits)


def example(shape: type[BaseModel]) -> dict[str, object]:
    """An object of this shape, put together from the examples of its members."""
    return {
        field.alias or name: _value(field)
        for name, field in shape.model_fields.items()
        if field.is_required() or field.examples
    }


def _value(field: FieldInfo) -> object:
    if field.examples:
        return field.examples[0]
    return _of(field.annotation)


def _of(annotation: object) -> object:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    inner = [part for part in get_args(annotation) if part is not NoneType]
    found = _of(inner[0])
    return [found] if getattr(annotation, "__origin__", None) is list else found
