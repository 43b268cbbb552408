"""Kana's Admin API: what the fields of its schema do to an account."""

from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import msgspec
from graphql import GraphQLResolveInfo, build_schema

from app.sandbox.apollo import Apollo, FaultError, Root, asked_by
from app.sandbox.exchange import Answer, Request
from app.sandbox.kana_account import Account, Feature, UsageEvent
from app.sandbox.kana_usage import month
from app.sandbox.kana_users import User, UserChange

SDL = Path(__file__).with_name("kana.graphql")


class AdminApi:
    """The GraphQL endpoint."""

    def __init__(self) -> None:
        self._apollo = Apollo(build_schema(SDL.read_text()))

    def answer(self, request: Request, account: Account, at: datetime) -> Answer:
        """Do what an operation asks for; `at` is the time at Kana."""
        asked = asked_by(request)
        if isinstance(asked, Answer):
            return asked
        if not account.settings.authorise(request.headers.get("authorization", "")):
            return unauthenticated()
        return self._apollo.answer(asked, root_of(account), at)


def root_of(account: Account) -> Root:
    """What the fields of Query and Mutation call; a call's context is the time at Kana."""

    def users(_: GraphQLResolveInfo) -> object:
        # An import that has no id cannot be shown: the schema says that every user has one.
        return msgspec.to_builtins([user for user in account.users if user.id is not None])

    def create_user(_: GraphQLResolveInfo, **given: object) -> object:
        return msgspec.to_builtins(account.create_user(msgspec.convert(given["input"], User)))

    def update_user(_: GraphQLResolveInfo, **given: object) -> object:
        change = msgspec.convert(given["input"], UserChange)
        return msgspec.to_builtins(account.update_user(str(given["id"]), change))

    def create_feature(_: GraphQLResolveInfo, **given: object) -> object:
        feature = msgspec.convert(given["input"], Feature)
        return msgspec.to_builtins(account.create_feature(feature))

    def record_usage(info: GraphQLResolveInfo, **given: object) -> object:
        reason = account.record(msgspec.convert(given["input"], UsageEvent), info.context)
        return {"recorded": reason is None, "reason": reason}

    def can_use_feature(info: GraphQLResolveInfo, **given: str) -> object:
        used = account.used(given["userId"], given["featureId"], info.context)
        reason = account.refused(given["featureId"])
        return {
            "access": reason is None,
            "reason": reason or "The sandbox sets no limit",
            "consumption": consumption(used),
        }

    def show_usage(info: GraphQLResolveInfo, **given: str) -> object:
        asked = given["userId"], given["featureId"], info.context
        used = account.used(*asked)
        past = account.ledger.past(*asked)
        return {
            "current": in_period(info.context, used),
            "past": [in_period(start, used_then) for start, used_then in past],
        }

    return {
        "user": lambda _, **given: msgspec.to_builtins(account.user(given["id"])),
        "users": users,
        "feature": lambda _, **given: msgspec.to_builtins(account.feature(given["id"])),
        "features": lambda _: msgspec.to_builtins(account.features()),
        "canUseFeature": can_use_feature,
        "showUsage": show_usage,
        "createUser": create_user,
        "updateUser": update_user,
        "createFeature": create_feature,
        "recordUsage": record_usage,
    }


def in_period(at: datetime, used: int) -> dict[str, object]:
    """Usage in the period that the moment lies in."""
    start, end = month(at)
    period = {"periodStart": start.isoformat(), "periodEnd": end.isoformat()}
    return {**period, "consumption": consumption(used)}


def consumption(used: int) -> dict[str, object]:
    return {"used": used, "budget": None, "overageEnabled": False}


def unauthenticated() -> Answer:
    """Kana's SDKs know it by the start of the message, not by its status."""
    message = "Unauthenticated: expected a key that begins with prv_test_ or prv_live_"
    fault = FaultError(message, "UNAUTHENTICATED", "AuthenticationError")
    errors = [{"message": message, "extensions": fault.extensions}]
    content = {"errors": errors, "data": None}
    return Answer(HTTPStatus.OK, msgspec.json.encode(content), faulty=True)
