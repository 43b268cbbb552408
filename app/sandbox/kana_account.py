"""What the pretend Kana knows: users, features and their usage, and the settings that bind it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, assert_never

import msgspec

from app.sandbox.apollo import FaultError
from app.sandbox.kana_identify import Adopted, Change, Created, Identity, Merged, Updated, change
from app.sandbox.kana_settings import Settings
from app.sandbox.kana_usage import Ledger, Usage
from app.sandbox.kana_users import Key, User, UserChange, Users


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


class Account:
    """One account as new. Nothing bounds what it keeps.

    Unless its settings are strict it records usage for every user and feature. Such a user is
    found and listed once it was created.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.users = Users()
        self.ledger = Ledger()
        self._features: dict[str, Feature] = {}

    def user(self, user_id: str) -> User:
        """A user that was created. Usage may name others; they are not found before."""
        if (user := self.users.find(user_id)) is None:
            raise not_found("User")
        return user

    def create_user(self, user: User) -> User:
        self._claim_user_id(user.id)
        self.users.add(user)
        return user

    def import_users(self, users: Iterable[User]) -> None:
        """Add what a CSV file, Stripe or Chargebee gives; all or, with a FaultError, none."""
        imported = list(users)
        if any(user.id is None and not user.billing_id for user in imported):
            raise wrong_input("A user without id needs a billingId")
        ids = [user.id for user in imported if user.id is not None]
        if len(set(ids)) < len(ids):
            raise wrong_input("Expected each id once")
        for user_id in ids:
            self._claim_user_id(user_id)
        for user in imported:
            self.users.add(user)

    def update_user(self, user_id: str, asked: UserChange) -> User:
        """A new id takes the usage along."""
        user = asked.of(self.user(user_id))
        if user.id != user_id:
            self._claim_user_id(user.id)
        self._put(user_id, user)
        return user

    def identify(self, said: Identity) -> Change:
        """Do what an identify asks for, and tell what that was."""
        others = self.users.with_email(said.email)
        others.pop(said.id, None)
        decided = change(said, self.users.find(said.id), others)
        match decided:
            case Created(user):
                self.users.add(user)
            case Updated(user):
                self._put(said.id, user)
            case Adopted(user, former):
                self._put(former, user)
            case Merged(user, former):
                self._put(said.id, user)
                self.users.remove(former)
                self._move_usage(former, said.id)
            case _ as never:
                assert_never(never)
        return decided

    def feature(self, feature_id: str) -> Feature:
        known = feature_id in self._features or feature_id in self.settings.features
        if not known and (self.settings.strict or not feature_id):
            raise not_found("Feature")
        return self._features.get(feature_id) or Feature(feature_id, feature_id)

    def features(self) -> list[Feature]:
        ids = [*self._features, *self.settings.features, *self.ledger.features()]
        return [self._features.get(each) or Feature(each, each) for each in dict.fromkeys(ids)]

    def create_feature(self, feature: Feature) -> Feature:
        if not feature.id:
            raise wrong_input("Feature id must not be empty")
        if feature.id in self._features or feature.id in self.settings.features:
            raise wrong_input(f"Feature {feature.id!r} already exists")
        self._features[feature.id] = feature
        return feature

    def record(self, event: UsageEvent, at: datetime) -> str | None:
        """Record usage; the reason if it is not recorded."""
        self.expect(event.user_id, event.feature_id)
        if (reason := self.refused(event.feature_id)) is not None:
            return reason
        delta, action = 1 if event.delta is None else event.delta, event.action or "ADD"
        self.ledger.record(Usage(event.user_id, event.feature_id, delta, at, action))
        return None

    def used(self, user_id: str, feature_id: str, at: datetime) -> int:
        """What was used in the period; raises FaultError where user or feature do not exist."""
        self.expect(user_id, feature_id)
        return self.ledger.used(user_id, feature_id, at)

    def expect(self, user_id: str, feature_id: str) -> None:
        """Raises FaultError unless both exist."""
        if user_id not in self.users and (self.settings.strict or not user_id):
            raise not_found("User")
        self.feature(feature_id)

    def refused(self, feature_id: str) -> str | None:
        return self.settings.refuse_features.get(feature_id)

    def _claim_user_id(self, user_id: str | None) -> None:
        if not user_id:
            raise wrong_input("User id must not be empty")
        if user_id in self.users:
            raise wrong_input(f"User {user_id!r} already exists")

    def _put(self, key: Key, user: User) -> None:
        self.users.replace(key, user)
        if user.id is not None and user.id != key:
            self._move_usage(key, user.id)

    def _move_usage(self, former: Key, user_id: str) -> None:
        # A number is the key of an import without an id, for which nothing was recorded.
        if isinstance(former, str):
            self.ledger.move(former, user_id)


def not_found(what: str) -> FaultError:
    return FaultError(f"{what} not found", "BAD_USER_INPUT", f"{what}NotFoundError")


def wrong_input(message: str) -> FaultError:
    return FaultError(message, "BAD_USER_INPUT", "UserInputError")
