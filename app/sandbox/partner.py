"""What all pretend partners share: recording what comes, and misbehaving instead of answering."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, assert_never
from uuid import uuid4

from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from app.sandbox.connection import close, linger, reset
from app.sandbox.exchange import Answer, Request, body_of, reply
from app.sandbox.misbehaviour import InForce, Misbehaviour
from app.sandbox.record import Record


class Contract(Protocol):
    """What one partner does with requests. One module each."""

    name: str
    paths: tuple[str, ...]
    """Where its API lies, below `/<name>`."""

    def answer(self, request: Request) -> Answer:
        """Take the request as the partner would: bill what it carries, or refuse it."""

    def failure(self, status: int) -> Answer:
        """What an error of this status looks like; nothing is billed."""

    def routes(self) -> Sequence[BaseRoute]:
        """The partner's own questions and settings, below `/<name>`."""

    def totals(self) -> Mapping[str, int]:
        """Counts for the page, by their label."""

    def tables(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """What the page shows, by heading: rows, newest first, whose keys are the columns."""

    def forget(self) -> None:
        """Start afresh: nothing billed, no settings."""


class Partner:
    """A contract behind HTTP: an ASGI application for the partner's API paths."""

    def __init__(
        self, contract: Contract, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.contract = contract
        self.record = Record()
        self.in_force: InForce | None = None
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (request := await self._received(scope, receive)) is None:
            return
        number = self.record.arrived(request)
        if self.in_force is not None and self.in_force.strikes():
            answer = await self._misbehave(self.in_force, request, scope, receive)
        else:
            answer = self.contract.answer(request)
        if answer is not None:
            self.record.answered(number, answer)
            await reply(answer, uuid4().hex, send)

    def misbehave(self, misbehaviour: Misbehaviour) -> None:
        """From now on; the former misbehaviour ends."""
        self.behave()
        self.in_force = InForce(misbehaviour)

    def behave(self) -> None:
        """End the misbehaviour: requests that hang are closed, delayed ones answered at once."""
        if self.in_force is not None:
            self.in_force.ended.set()
        self.in_force = None

    def forget(self) -> None:
        self.behave()
        self.record.clear()
        self.contract.forget()

    async def _received(self, scope: Scope, receive: Receive) -> Request | None:
        if (body := await body_of(receive)) is None:
            return None
        return Request(
            at=self._clock(),
            method=scope["method"],
            path=scope["path"],
            headers=headers_of(scope),
            body=body[0],
            size=body[1],
        )

    async def _misbehave(
        self, in_force: InForce, request: Request, scope: Scope, receive: Receive
    ) -> Answer | None:
        """The answer, or None where the connection ended without one."""
        asked = in_force.misbehaviour
        # Before any waiting: a client that gives up must not know whether it was billed.
        usual = self._usual(asked, request)
        until = None if asked.mode == "hang" else asked.delay
        if not await linger(receive, in_force.ended, until):
            return None
        match asked.mode:
            case "answer":
                return asked.answer(usual)
            case "reset":
                await reset(scope, receive)
            case "hang":
                await close(scope, receive)
            case _ as never:
                assert_never(never)
        return None

    def _usual(self, asked: Misbehaviour, request: Request) -> Answer:
        if asked.takes_effect:
            return self.contract.answer(request)
        return self.contract.failure(asked.status) if asked.fails else Answer(asked.status)


def headers_of(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
