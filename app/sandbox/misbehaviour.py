"""How a partner misbehaves on command: whom it strikes, and what it makes of an answer."""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from random import Random
from time import monotonic
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from app.sandbox.exchange import Answer

SEED = 0
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding"})


class Misbehaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST _answers` asks for.

    `delay` is in seconds, `times` in requests (null: until it is ended), `share` the part of the
    requests that it strikes; so many as `above` says it lets through in any second. `effect` says
    whether a struck request counts (is billed); one that is answered with an error never does.
    """

    mode: Literal["answer", "reset", "hang"] = "answer"
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    headers: dict[str, str | int] = {}
    body: Raw = Raw(b"null")
    delay: Annotated[float, Meta(ge=0, le=3600)] = 0
    times: Annotated[int, Meta(ge=1)] | None = None
    share: Annotated[float, Meta(ge=0, le=1)] = 1
    above: Annotated[int, Meta(ge=0)] | None = None
    effect: bool = True

    def __post_init__(self) -> None:
        text_or_json(self.body)  # now, while whoever asks for a broken string can be told
        for name, value in self.headers.items():
            if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(str(value)):
                raise ValueError(f"headers: {name!r} or its value cannot stand in a header")
            if name.lower() in FRAMING_HEADERS:
                raise ValueError(f"headers: {name!r} is set by the server alone")

    @property
    def fails(self) -> bool:
        return self.mode == "answer" and Answer(self.status).refuses

    @property
    def takes_effect(self) -> bool:
        return self.effect and not self.fails

    def answer(self, usual: Answer) -> Answer:
        """The usual answer with what is asked for in its place.

        A refusal that the request earned itself stands: misbehaviour that does not fail does not
        turn it into a success.
        """
        if usual.refuses and not self.fails:
            return usual
        body = text_or_json(self.body)
        named = {name: str(value) for name, value in self.headers.items()}
        plain = {"content-type": "text/plain; charset=utf-8"} if is_text(self.body) else {}
        return Answer(
            status=self.status,
            body=usual.body if body is None else body,
            headers={**usual.headers, **plain, **named},
        )


class InForce:
    """A misbehaviour that began, until it is ended.

    Chance starts anew with each, so `share` strikes the same requests whenever it is asked for.
    """

    def __init__(self, misbehaviour: Misbehaviour, clock: Callable[[], float] = monotonic) -> None:
        self.misbehaviour = misbehaviour
        self._clock = clock
        self._spared: deque[float] = deque()
        self.applied = 0
        self.ended = asyncio.Event()
        self._chance = Random(SEED)

    def strikes(self) -> bool:
        """Whether the next request is struck; counts it if so."""
        used_up = self.misbehaviour.times is not None and self.applied >= self.misbehaviour.times
        if used_up or self._spares() or self._chance.random() >= self.misbehaviour.share:
            return False
        self.applied += 1
        return True

    def _spares(self) -> bool:
        """Whether it is one of those that are let through in a second; counts it if so."""
        above, now = self.misbehaviour.above, self._clock()
        while self._spared and self._spared[0] <= now - 1:
            self._spared.popleft()
        if above is None or len(self._spared) >= above:
            return False
        self._spared.append(now)
        return True


def text_or_json(body: Raw) -> bytes | None:
    """A string's own characters, any other JSON as it came, None for null."""
    if bytes(body) == b"null":
        return None
    return msgspec.json.decode(body, type=str).encode() if is_text(body) else bytes(body)


def is_text(body: Raw) -> bool:
    return bytes(body).startswith(b'"')
