"""The calls of Kana's Admin API that the destination makes, each as a step and as a request.

Operations, inputs and types are those of Kana's written reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, assert_never

import msgspec

from app.destination import Request

PATH = "/graphql"
ADMIN, SEGMENT = "admin", "segment"
MESSAGE_MAX = 300
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

_USER = "{ id billingId name email }"


@dataclass(frozen=True, slots=True)
class Identity:
    """What an identify says of a user; None where it says nothing.

    `event` is the identify itself where Kana shall read for itself what its Admin API cannot do.
    """

    id: str
    name: str | None = None
    email: str | None = None
    billing_id: str | None = None
    event: bytes | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask for something that changes nothing."""

    operation: ClassVar[str] = "features"


@dataclass(frozen=True, slots=True)
class Record:
    """Add to what a user used of a feature. Kana counts it once more whenever it is repeated.

    With `create_user` one that Kana does not know is created, and then the usage goes again.
    """

    operation: ClassVar[str] = "recordUsage"
    user_id: str
    feature_id: str
    delta: int
    create_user: bool = False


@dataclass(frozen=True, slots=True)
class Find:
    """Ask for the user; `refused` is what Kana said to creating it, if that was tried.

    `for_usage` tells that usage of the user waits for it.
    """

    operation: ClassVar[str] = "user"
    identity: Identity
    refused: str | None = None
    for_usage: bool = False


@dataclass(frozen=True, slots=True)
class FindImport:
    """Ask whether Stripe or Chargebee gave Kana this user: its id is its email then."""

    operation: ClassVar[str] = "user"
    identity: Identity


@dataclass(frozen=True, slots=True)
class Sharers:
    """Ask for all users, to see whether the import is the only one of its email."""

    operation: ClassVar[str] = "users"
    identity: Identity


@dataclass(frozen=True, slots=True)
class Adopt:
    """Give the import the user's id, and its name."""

    operation: ClassVar[str] = "updateUser"
    identity: Identity
    former_id: str


@dataclass(frozen=True, slots=True)
class Create:
    """Create the user, with everything that is known of it.

    `shared` tells that another user has its email, `for_usage` that usage waits for the user.
    """

    operation: ClassVar[str] = "createUser"
    identity: Identity
    shared: bool = False
    for_usage: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Give the user its name; the API changes neither email nor billingId."""

    operation: ClassVar[str] = "updateUser"
    identity: Identity


Step = Probe | Record | Find | FindImport | Sharers | Adopt | Create | Update


def request(step: Step) -> Request:
    return Request(PATH, body(step), headers=HEADERS, step=step)


def body(step: Step) -> bytes:
    match step:
        case Probe():
            return _operation("query listFeatures { features { id } }", {})
        case Record(user_id=user_id, feature_id=feature_id, delta=delta):
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
            return _retrieval(identity.id)
        case FindImport(identity):
            return _retrieval(identity.email)
        case Sharers():
            return _operation(f"query listUsers {{ users {_USER} }}", {})
        case Adopt(identity, former_id):
            return _change(former_id, identity)
        case Create(identity):
            return _operation(
                "mutation createUser($input: CreateUserInput!) "
                f"{{ createUser(input: $input) {_USER} }}",
                {"input": _given(identity)},
            )
        case Update(identity):
            return _change(identity.id, identity)
        case _ as never:
            assert_never(never)


def _retrieval(user_id: str | None) -> bytes:
    query = f"query retrieveUser($id: String!) {{ user(id: $id) {_USER} }}"
    return _operation(query, {"id": user_id})


def _change(user_id: str, identity: Identity) -> bytes:
    query = (
        "mutation updateUser($id: String!, $input: UpdateUserInput!) "
        f"{{ updateUser(id: $id, input: $input) {_USER} }}"
    )
    given = {"id": identity.id} | ({} if identity.name is None else {"name": identity.name})
    return _operation(query, {"id": user_id, "input": given})


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
