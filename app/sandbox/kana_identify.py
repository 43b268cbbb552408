"""What an identify does to Kana's users: create, update, merge with an import, or adopt one.

Kana's documentation shows ten cases of it. What they leave open goes the way that joins fewer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from app.sandbox.kana_users import Key, User


@dataclass(frozen=True, slots=True)
class Identity:
    """What an identify says of a user; None where it says nothing."""

    id: str
    name: str | None = None
    email: str | None = None
    billing_id: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """Nobody has the id, and no import is to be it."""

    user: User


@dataclass(frozen=True, slots=True)
class Updated:
    """Who has the id is said more of."""

    user: User


@dataclass(frozen=True, slots=True)
class Merged:
    """Who has the id and an import become one, under that id."""

    user: User
    former: Key


@dataclass(frozen=True, slots=True)
class Adopted:
    """Nobody has the id; an import is given it."""

    user: User
    former: Key


Change = Created | Updated | Merged | Adopted


def change(said: Identity, known: User | None, others: Mapping[Key, User]) -> Change:
    """What follows for `known`, who has the id, and for the others who have the email."""
    user = told(said, known or User(said.id))
    if (found := sole_import(others)) is None:
        return Updated(user) if known else Created(user)
    key, imported = found
    if known is None and one_at_most(said.billing_id, imported.billing_id):
        return Adopted(joined(user, imported), key)
    if known is None:
        return Created(user)
    billing_ids = known.billing_id, said.billing_id, imported.billing_id
    if known.email in (None, "", said.email) and one_at_most(*billing_ids):
        return Merged(joined(user, imported), key)
    return Updated(user)


def told(said: Identity, user: User) -> User:
    """The user with what is said; what is not said stays."""
    return msgspec.structs.replace(
        user,
        name=said.name or user.name,
        email=said.email or user.email,
        billing_id=said.billing_id or user.billing_id,
    )


def joined(user: User, imported: User) -> User:
    """The user, with the import's value wherever it has none."""
    return User(
        id=user.id,
        billing_id=user.billing_id or imported.billing_id,
        name=user.name or imported.name,
        email=user.email or imported.email,
        metadata=user.metadata or imported.metadata,
    )


def sole_import(others: Mapping[Key, User]) -> tuple[Key, User] | None:
    """The only other user of the email, if it is an import; more than one is ambiguous."""
    if len(others) != 1:
        return None
    ((key, user),) = others.items()
    return (key, user) if user.is_import else None


def one_at_most(*billing_ids: str | None) -> bool:
    """Whether they are no two customers of Stripe."""
    return len({each for each in billing_ids if each}) <= 1
