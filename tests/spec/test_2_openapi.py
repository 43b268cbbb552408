"""The description of ingest names what there is, and can be read by tools."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.ingest import Ingest
from app.store import connect_async
from tests.ingesting import TEST_KINDS, Sender, settings

METHODS = {"get", "post", "put", "patch", "options"}


@pytest.fixture
def described(ingest: Sender) -> dict[str, Any]:
    response = ingest.get(ingest.address + "/openapi.json", timeout=20)
    assert response.headers["content-type"] == "application/json"
    document: dict[str, Any] = response.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in methods.keys() - {"parameters"}:
            yield path, method, methods[method]


def inner(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a document, at any depth."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from inner(part)


def test_every_path_is_described_with_its_methods_and_no_other_is(
    described: dict[str, Any], store_url: str
) -> None:
    app = Ingest(settings(store_url), TEST_KINDS, connect_async(store_url), lambda *_: None)
    there = {path: {method.lower() for method in methods} for path, methods in app.paths.items()}
    told = {
        path: set(methods) - {"options", "parameters"}
        for path, methods in described["paths"].items()
    }
    assert told == there


def test_every_described_path_is_there(ingest: Sender, described: dict[str, Any]) -> None:
    for path, method, _ in operations(described):
        url = ingest.address + path.format(key="key", source="web")
        response = ingest.request(method, url, data=b"", timeout=20)
        assert str(response.status_code) in described["paths"][path][method]["responses"], path


def test_every_reference_leads_somewhere_and_every_component_is_used(
    described: dict[str, Any],
) -> None:
    used = {found["$ref"] for found in inner(described) if "$ref" in found}
    there = {
        f"#/components/{kind}/{name}"
        for kind, named in described["components"].items()
        for name in named
        if kind != "securitySchemes"
    }
    assert used == there


def test_every_operation_has_what_openapi_demands(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert described["info"].keys() >= {"title", "version"}
    tags = {tag["name"] for tag in described["tags"]}
    schemes = set(described["components"]["securitySchemes"])
    for path, method, operation in operations(described):
        assert method in METHODS, path
        assert operation["summary"], path
        assert set(operation["tags"]) <= tags, path
        assert {name for one in operation["security"] for name in one} <= schemes, path
        assert all(re.fullmatch("[1-5][0-9]{2}", status) for status in operation["responses"])


def test_every_operation_has_an_id_of_its_own(described: dict[str, Any]) -> None:
    ids = [one["operationId"] for _, method, one in operations(described) if method != "options"]
    assert len(set(ids)) == len(ids)


def test_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    parameters = described["components"]["parameters"]
    for path, method, operation in operations(described):
        listed = [
            *operation.get("parameters", []),
            *described["paths"][path].get("parameters", []),
        ]
        names = [parameters[one["$ref"].rpartition("/")[2]] for one in listed]
        in_path = {one["name"] for one in names if one["in"] == "path" and one["required"]}
        assert in_path == set(re.findall(r"{(\w+)}", path)), (path, method)


def test_every_response_has_a_description(described: dict[str, Any]) -> None:
    for _, _, operation in operations(described):
        for response in operation["responses"].values():
            assert "$ref" in response or response["description"]
    assert all(one["description"] for one in described["components"]["responses"].values())
