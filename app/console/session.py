"""Tells who an operator is: by a token, or by the signed cookie that a login leaves. Pure.

A session is signed with the operator's own token, so that every process of the console knows it
and a token that is changed or taken away ends the sessions that it began.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from app.settings import OperatorSettings

COOKIE = "relay_session"
LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks; `read_only` may look at everything and change nothing.

    `until` is when the session ends, in s since the epoch; 0 for one who gives a token.
    """

    name: str
    read_only: bool = False
    until: int = 0


class Door:
    """Knows the operators of the settings."""

    def __init__(self, operators: Mapping[str, OperatorSettings]) -> None:
        self._operators = operators
        self._tokens = {name: one.token.get_secret_value() for name, one in operators.items()}

    def by_token(self, token: str) -> Operator | None:
        """Whose token it is; compared with every one, in a time that tells nothing of them."""
        told = _digest(token)
        found = None
        for name, known in self._tokens.items():
            if hmac.compare_digest(told, _digest(known)):
                found = self._operator(name)
        return found

    def session(self, operator: Operator, now_s: int) -> str:
        """The cookie of one who has just logged in."""
        told = f"{operator.name}.{now_s + int(LASTS.total_seconds())}"
        return f"{told}.{_signature(self._tokens[operator.name], told)}"

    def by_session(self, cookie: str, now_s: int) -> Operator | None:
        """Whose session it is; None for one that has ended, or that was not signed here."""
        told, _, signature = cookie.rpartition(".")
        name, _, until = told.rpartition(".")
        token = self._tokens.get(name)
        if token is None or not _equal(signature, _signature(token, told)):
            return None
        return replace(self._operator(name), until=int(until)) if now_s < int(until) else None

    def _operator(self, name: str) -> Operator:
        return Operator(name, self._operators[name].read_only)


def _equal(given: str, right: str) -> bool:
    """Found out in a time that tells nothing of them."""
    return hmac.compare_digest(_bytes(given), _bytes(right))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _digest(token: str) -> bytes:
    return hashlib.sha256(_bytes(token)).digest()


def _signature(token: str, told: str) -> str:
    key = hashlib.sha256(b"usage-relay session\0" + _bytes(token)).digest()
    return hmac.new(key, _bytes(told), hashlib.sha256).hexdigest()
