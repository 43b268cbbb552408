"""The descriptions of the API and of ingest: complete, by example, and true of real servers."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import BaseSchema, Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.console.api.shape import Shape, example
from tests import consoling
from tests.consoling import OPERATOR, Client
from tests.everywhere import fill
from tests.ingesting import Sender

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BRIEF = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_api_answers_as_it_is_described(
    console: Client, store: redis.Redis, store_url: str
) -> None:
    fill(store, consoling.settings(store_url))
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    address = f"{console.address}/api/openapi.json"
    hold(schemathesis.openapi.from_url(address, headers=headers), headers)


def test_ingest_answers_as_it_is_described(ingest: Sender) -> None:
    schema = schemathesis.openapi.from_dict(ingest.get(f"{ingest.address}/openapi.json").json())
    schema.config.update(base_url=ingest.address)
    hold(schema, {})


def hold(schema: BaseSchema, headers: dict[str, str]) -> None:
    """Call every operation with what its description allows, and look at the answers."""
    for found in schema.get_all_operations():

        @BRIEF
        @given(case=found.ok().as_strategy())
        def held(case: Case) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

        held()


@pytest.fixture
def described(console: Client) -> dict[str, Any]:
    return console.found("/openapi.json")


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def test_every_operation_says_what_it_does_and_how_it_fails(described: dict[str, Any]) -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for one in operations(described):
        assert (one["security"], bool(one["description"])) == ([{"HTTPBearer": []}], True)
        failing = {code: told for code, told in one["responses"].items() if code >= "400"}
        assert failing.keys() >= {"401", "503"}, one["operationId"]
        told = [answer["content"]["application/json"]["schema"] for answer in failing.values()]
        assert told == [error] * len(failing)
        changes = "403" in failing
        assert changes == (one["operationId"].split("_")[0] not in READS), one["operationId"]


READS = {"list", "show", "trace", "export", "test"}


def test_every_operation_has_a_name_of_its_own_that_reads_well(described: dict[str, Any]) -> None:
    names = [one["operationId"] for one in operations(described)]
    assert len(set(names)) == len(names)
    assert {"list_dead_letters", "replay_dead_letters", "trace_event"} < set(names)


def test_every_shape_has_an_example_that_is_of_it() -> None:
    shapes = [shape for shape in every(Shape) if not shape.__name__.startswith("Page")]
    told = [shape.model_validate(example(shape)) for shape in shapes]
    assert len(told) > 40


def every(shape: type[Shape]) -> Iterator[type[Shape]]:
    for inner in shape.__subclasses__():
        yield inner
        yield from every(inner)


def test_no_page_of_another_host_is_needed_to_read_it(console: Client) -> None:
    for path in ("/docs", "/redoc"):
        assert console.refused("GET", path)[:2] == (404, "unknown_route")
