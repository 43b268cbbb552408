"""What the pretend Kana knows: users, features and their usage, and the settings that bind it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from app.sandbox.apollo import FaultError


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Kana's User; an id may be anything but empty."""

    id: str
    billing_id: str | None = None
    name: str | None = None
    email: str | None = None
    metadata: Any = {}


class UserChange(msgspec.Struct, frozen=True):
    """Kana's UpdateUserInput: what is absent stays; the id is the new one."""

    id: str
    name: str | UnsetType | None = UNSET
    metadata: Any = UNSET


class Feature(msgspec.Struct, frozen=True, rename="camel"):
    """Kana's Feature, without its packages."""

    id: str
    name: str
    type: Literal["BINARY", "CONSUMABLE"] = "CONSUMABLE"
    unit_label: str | None = None
    unit_label_plural: str | None = None
    metadata: Any = {}


class UsageEvent(msgspec.Struct, frozen=True, rename="camel"):
    """Kana's CreateUsageEventInput."""

    user_id: str
    feature_id: str
    delta: int | None = None
    action: Literal["ADD", "SET"] | None = None


class Usage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A usage event that was recorded. One that set the total says so in `action`."""

    user_id: str
    feature_id: str
    delta: int
    at: datetime
    action: Literal["ADD", "SET"] = "ADD"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST _settings` asks for.

    `strict`: only users that were created and features that were created or are named here exist.
    `refuse_features` has the reason for which usage of a feature is not recorded.
    """

    strict: bool = False
    features: tuple[str, ...] = ()
    api_key: str | None = None
    refuse_features: dict[str, str] = {}


class Account:
    """One account as new. Nothing bounds what it keeps.

    Unless its settings are strict it records usage for every user and feature. Such a user is
    found and listed once it was created.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.users: dict[str, User] = {}
        self._features: dict[str, Feature] = {}
        self._usage: list[Usage] = []
        self._totals: dict[str, Counter[str]] = {}

    @property
    def usage_count(self) -> int:
        return len(self._usage)

    @property
    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """What was used, by user and feature."""
        return self._totals

    def usage(self, limit: int | None = None) -> list[Usage]:
        """The newest so many (None: all), oldest first."""
        return list(islice(reversed(self._usage), limit))[::-1]

    def user(self, user_id: str) -> User:
        """A user that was created. Usage may name others; they are not found before."""
        if user_id not in self.users:
            raise not_found("User")
        return self.users[user_id]

    def create_user(self, user: User) -> User:
        self._claim_user_id(user.id)
        self.users[user.id] = user
        return user

    def update_user(self, user_id: str, change: UserChange) -> User:
        """A new id takes the usage along."""
        former = self.user(user_id)
        if change.id != user_id:
            self._claim_user_id(change.id)
            self._move(user_id, change.id)
        given = {name: value for name, value in fields_of(change) if value is not UNSET}
        self.users[change.id] = msgspec.structs.replace(former, **given)
        return self.users[change.id]

    def feature(self, feature_id: str) -> Feature:
        known = feature_id in self._features or feature_id in self.settings.features
        if not known and (self.settings.strict or not feature_id):
            raise not_found("Feature")
        return self._features.get(feature_id) or Feature(feature_id, feature_id)

    def features(self) -> list[Feature]:
        used = (feature_id for totals in self._totals.values() for feature_id in totals)
        ids = dict.fromkeys([*self._features, *self.settings.features, *used])
        return [self._features.get(each) or Feature(each, each) for each in ids]

    def create_feature(self, feature: Feature) -> Feature:
        if not feature.id:
            raise wrong_input("Feature id must not be empty")
        if feature.id in self._features or feature.id in self.settings.features:
            raise wrong_input(f"Feature {feature.id!r} already exists")
        self._features[feature.id] = feature
        return feature

    def record(self, event: UsageEvent, at: datetime) -> str | None:
        """Record usage; the reason if it is not recorded."""
        self.used(event.user_id, event.feature_id)
        if (reason := self.refused(event.feature_id)) is not None:
            return reason
        delta, action = 1 if event.delta is None else event.delta, event.action or "ADD"
        self._usage.append(Usage(event.user_id, event.feature_id, delta, at, action))
        totals = self._totals.setdefault(event.user_id, Counter())
        before = totals[event.feature_id] if action == "ADD" else 0
        totals[event.feature_id] = before + delta
        return None

    def used(self, user_id: str, feature_id: str) -> int:
        """The total of a user and a feature that exist; raises FaultError where one does not."""
        if user_id not in self.users and (self.settings.strict or not user_id):
            raise not_found("User")
        self.feature(feature_id)
        return self._totals.get(user_id, Counter())[feature_id]

    def refused(self, feature_id: str) -> str | None:
        return self.settings.refuse_features.get(feature_id)

    def _claim_user_id(self, user_id: str) -> None:
        if not user_id:
            raise wrong_input("User id must not be empty")
        if user_id in self.users:
            raise wrong_input(f"User {user_id!r} already exists")

    def _move(self, former_id: str, user_id: str) -> None:
        self.users.pop(former_id, None)
        if (totals := self._totals.pop(former_id, None)) is not None:
            self._totals.setdefault(user_id, Counter()).update(totals)


def fields_of(struct: msgspec.Struct) -> list[tuple[str, Any]]:
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def not_found(what: str) -> FaultError:
    return FaultError(f"{what} not found", "BAD_USER_INPUT", f"{what}NotFoundError")


def wrong_input(message: str) -> FaultError:
    return FaultError(message, "BAD_USER_INPUT", "UserInputError")
