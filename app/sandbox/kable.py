"""The pretend Kable: takes arrays of usage events and bills each transaction once.

Kable's OpenAPI and SDKs say how it answers. Where they are silent the sandbox is strict, so that a
mistake shows here first.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from msgspec import Raw
from starlette.requests import Request as Command
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.command import UNREADABLE, command, json_response, limit_of
from app.sandbox.exchange import KEPT_BYTES, Answer, Request
from app.sandbox.kable_usage import EVENT, Billable, Event, Question, Usage, counted

# Kable publishes no limit; its own Node and Python clients never send more in one array.
MAX_EVENTS = 500
KEY_PREFIXES = ("sk_test", "sk_live")
MESSAGES = {500: "Something went wrong"}
EVENTS = msgspec.json.Decoder(list[Raw])


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST _settings` asks for: the one key that is valid, and whom to refuse."""

    api_key: str | None = None
    refuse_client_ids: frozenset[str] = frozenset()


class Kable:
    """Kable's contract: `events/create`, `usage/get` and `authenticate`."""

    name = "kable"
    paths: tuple[str, ...] = ("/api",)

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._usage, self._settings = Usage(), Settings()

    def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/kable/api/v1/events/create":
                return self._create(request)
            case "POST", "/kable/api/v1/usage/get":
                return self._count(request)
            case "POST", "/kable/api/v1/authenticate":
                return self._authenticate(request)
            case method, path:
                expected = "expected POST to /api/v1/events/create, usage/get or authenticate"
                return refusal(HTTPStatus.NOT_FOUND, f"{expected}, got {method} {path}")

    def failure(self, status: int) -> Answer:
        return refusal(status, MESSAGES.get(status) or phrase(status))

    def routes(self) -> list[Route]:
        return [
            Route("/_usage", self._show_usage, methods=["GET"]),
            Route("/_settings", self._set, methods=["POST"]),
            Route("/_settings", self._unset, methods=["DELETE"]),
        ]

    def totals(self) -> Mapping[str, int]:
        return {"events billed": self._usage.count, "duplicates": self._usage.duplicates}

    def tables(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        return {"events": self._usage.newest()}

    def _create(self, request: Request) -> Answer:
        if not authorised(request.headers.get("kable-client-secret"), request, self._settings):
            return refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        events = events_in(request, self._settings)
        if isinstance(events, Answer):
            return events
        for event in events:
            self._usage.bill(request.at, event)
        return Answer(HTTPStatus.OK)

    def _count(self, request: Request) -> Answer:
        if not authorised(request.headers.get("kable-client-secret"), request, self._settings):
            return refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        try:
            question = msgspec.json.decode(request.body, type=Question)
            answer = counted(question, self._usage.events())
        except (*UNREADABLE, ValueError) as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        return Answer(HTTPStatus.CREATED, msgspec.json.encode(answer))

    def _authenticate(self, request: Request) -> Answer:
        if not authorised(offered_secret(request.headers), request, self._settings):
            return refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        return Answer(HTTPStatus.OK)

    async def _show_usage(self, asked: Command) -> Response:
        usage = self._usage
        return json_response(
            {
                "items": usage.items(limit_of(asked)),
                "count": usage.count,
                "duplicates": usage.duplicates,
            }
        )

    async def _set(self, asked: Command) -> Response:
        self._settings = await command(asked, Settings)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _unset(self, _: Command) -> Response:
        self._settings = Settings()
        return Response(status_code=HTTPStatus.NO_CONTENT)


def offered_secret(headers: Mapping[str, str]) -> str | None:
    """Kable's own secret, or the key of an end customer who is named beside it."""
    customer_key = headers.get("x-api-key") if headers.get("x-client-id") else None
    return headers.get("kable-client-secret", customer_key)


def authorised(secret: str | None, request: Request, settings: Settings) -> bool:
    client_id = request.headers.get("kable-client-id", "")
    if secret is None or not (client_id.startswith("kci_") and len(client_id) > len("kci_")):
        return False
    if settings.api_key is not None:
        return secret == settings.api_key
    return secret.startswith(KEY_PREFIXES)


def events_in(request: Request, settings: Settings) -> list[Billable] | Answer:
    """All events of a body, or the answer that refuses all of them."""
    if request.oversize:
        message = f"expected at most {KEPT_BYTES} bytes, got {request.size}"
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
    try:
        raws = split(request.body)
    except UNREADABLE as error:
        return refusal(HTTPStatus.BAD_REQUEST, f"expected JSON: {error}")
    if len(raws) > MAX_EVENTS:
        message = f"expected at most {MAX_EVENTS} events, got {len(raws)}"
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
    if not raws:
        return refusal(HTTPStatus.BAD_REQUEST, "expected at least one event, got an empty array")
    return understood(raws, settings)


def understood(raws: Sequence[Raw], settings: Settings) -> list[Billable] | Answer:
    events = []
    for index, raw in enumerate(raws):
        event = event_or_fault(raw, settings)
        if isinstance(event, str):
            return refusal(HTTPStatus.BAD_REQUEST, f"event {index}: {event}")
        events.append(Billable(event, raw))
    return events


def event_or_fault(raw: Raw, settings: Settings) -> Event | str:
    try:
        event = EVENT.decode(raw)
    except msgspec.DecodeError as error:
        return str(error)
    if event.client_id in settings.refuse_client_ids:
        return f"clientId {event.client_id!r} is refused by the sandbox's settings"
    return event


def split(body: bytes) -> list[Raw]:
    """The events of an array, or the one bare object."""
    body.decode()  # msgspec leaves the text in a Raw unread, and `_usage` must be UTF-8
    if body.lstrip().startswith(b"["):
        return EVENTS.decode(body)
    return [msgspec.json.decode(body, type=Raw)]


def refusal(status: int, message: str) -> Answer:
    return Answer(status, msgspec.json.encode({"message": message}))


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
