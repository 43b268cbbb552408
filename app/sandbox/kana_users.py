"""The users of the pretend Kana, found by id and by email; an email may belong to several."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

Key = str | int
"""How a user is kept: by its id, or by a number while an import has none."""


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Kana's User; an id may be anything but empty. Only an import may have none."""

    id: str | None
    billing_id: str | None = None
    name: str | None = None
    email: str | None = None
    metadata: Any = {}

    @property
    def is_import(self) -> bool:
        """Whether it came from Stripe or Chargebee and has no id of the customer's own.

        Kana's pages disagree: one says that imports have no id, one that it is their email.
        """
        return bool(self.billing_id) and self.id in (None, self.email)


class UserChange(msgspec.Struct, frozen=True):
    """Kana's UpdateUserInput: what is absent stays; the id is the new one."""

    id: str
    name: str | UnsetType | None = UNSET
    metadata: Any = UNSET

    def of(self, user: User) -> User:
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        said = {name: value for name, value in given.items() if value is not UNSET}
        return msgspec.structs.replace(user, **said)


class Users:
    """Users, oldest first."""

    def __init__(self) -> None:
        self._kept: dict[Key, User] = {}
        self._of_email: dict[str, dict[Key, None]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[User]:
        return iter(self._kept.values())

    def __reversed__(self) -> Iterator[User]:
        return reversed(self._kept.values())

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._kept

    def __getitem__(self, key: Key) -> User:
        return self._kept[key]

    def find(self, user_id: str) -> User | None:
        return self._kept.get(user_id)

    def with_email(self, email: str | None) -> dict[Key, User]:
        """Everyone of this email; nobody where it is none."""
        return {key: self._kept[key] for key in self._of_email.get(email or "", ())}

    def shared_emails(self) -> list[str]:
        return [email for email, keys in self._of_email.items() if len(keys) > 1]

    def add(self, user: User) -> None:
        """Keep one whose id is nobody's yet."""
        self._keep(next(self._numbers) if user.id is None else user.id, user)

    def replace(self, key: Key, user: User) -> None:
        """Keep another in the place of one; a new id makes it the newest."""
        if user.id == key:
            self._unindex(key)
            self._keep(key, user)
        else:
            self.remove(key)
            self.add(user)

    def remove(self, key: Key) -> None:
        self._unindex(key)
        del self._kept[key]

    def _keep(self, key: Key, user: User) -> None:
        self._kept[key] = user
        if user.email:
            self._of_email.setdefault(user.email, {})[key] = None

    def _unindex(self, key: Key) -> None:
        if email := self._kept[key].email:
            del self._of_email[email][key]
            if not self._of_email[email]:
                del self._of_email[email]


def flags(users: Users) -> list[dict[str, object]]:
    """What Kana's dashboard points at: users without a billing id, users that share an email."""
    unbilled: list[dict[str, object]] = [
        {"flag": "no_billing_id", "email": user.email, "users": [user]}
        for user in users
        if not user.billing_id
    ]
    shared: list[dict[str, object]] = [
        {"flag": "shared_email", "email": email, "users": list(users.with_email(email).values())}
        for email in users.shared_emails()
    ]
    return [*unbilled, *shared]
