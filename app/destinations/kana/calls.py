"""The calls of Kana's Admin API that the destination makes, each as a step and as a request.

Operations, inputs and types are those of Kana's written reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, assert_never

import msgspec

from app.destination import Request

PATH = "/graphql"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

_USER = "{ id billingId name email }"


@dataclass(frozen=True, slots=True)
class Identity:
    """What an identify says of a user; None where it says nothing."""

    id: str
    name: str | None = None
    email: str | None = None
    billing_id: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask for something that changes nothing."""

    operation: ClassVar[str] = "features"


@dataclass(frozen=True, slots=True)
class Record:
    """Add to what a user used of a feature. Kana counts it once more whenever it is repeated."""

    operation: ClassVar[str] = "recordUsage"
    user_id: str
    feature_id: str
    delta: int


@dataclass(frozen=True, slots=True)
class Find:
    """Ask for the user; `refused` is what Kana said to creating it, if that was tried."""

    operation: ClassVar[str] = "user"
    identity: Identity
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Create the user, with everything that is known of it."""

    operation: ClassVar[str] = "createUser"
    identity: Identity


@dataclass(frozen=True, slots=True)
class Update:
    """Give the user its name; the API changes neither email nor billingId."""

    operation: ClassVar[str] = "updateUser"
    identity: Identity


Step = Probe | Record | Find | Create | Update


def request(step: Step) -> Request:
    return Request(PATH, body(step), headers=HEADERS, step=step)


def body(step: Step) -> bytes:
    match step:
        case Probe():
            return _operation("query listFeatures { features { id } }", {})
        case Record(user_id, feature_id, delta):
            usage = {
                "userId": user_id,
                "featureId": feature_id,
                "delta": delta,
                "action": "ADD",
            }
            return _operation(
                "mutation recordUsage($input: CreateUsageEventInput!) "
                "{ recordUsage(input: $input) { recorded reason } }",
                {"input": usage},
            )
        case Find(identity):
            return _operation(
                f"query retrieveUser($id: String!) {{ user(id: $id) {_USER} }}",
                {"id": identity.id},
            )
        case Create(identity):
            return _operation(
                "mutation createUser($input: CreateUserInput!) "
                f"{{ createUser(input: $input) {_USER} }}",
                {"input": _given(identity)},
            )
        case Update(identity):
            return _operation(
                "mutation updateUser($id: String!, $input: UpdateUserInput!) "
                f"{{ updateUser(id: $id, input: $input) {_USER} }}",
                {"id": identity.id, "input": {"id": identity.id, "name": identity.name}},
            )
        case _ as never:
            assert_never(never)


def _operation(query: str, variables: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"query": query, "variables": variables})


def _given(identity: Identity) -> dict[str, str]:
    said = {
        "id": identity.id,
        "name": identity.name,
        "email": identity.email,
        "billingId": identity.billing_id,
    }
    return {name: value for name, value in said.items() if value is not None}
