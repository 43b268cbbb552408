"""What is done at each path of ingest, by method. `openapi.json` describes all of it."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from app.counters import Counters
from app.ingest import answers, pixel
from app.ingest.address import client_address, client_scheme
from app.ingest.answers import SUCCESS, Answer, answer
from app.ingest.body import MalformedError
from app.ingest.cors import PREFLIGHT
from app.ingest.group_commit import GroupCommit
from app.ingest.inflate import inflated
from app.ingest.reception import NOBODY, Reception, Take, batch, single
from app.ingest.request import Request, TooLargeError, read
from app.ingest.routing import TYPES, Sources
from app.ingest.stamp import Client, Limits
from app.ingest.validation import Fault
from app.ingest.webhook import Webhooks
from app.settings import Settings

Endpoint = Callable[[Request], Awaitable[Answer]]
Methods = Mapping[str, Endpoint]

LANE = b"relay-lane"  # a header of our own: SDKs send live events to /v1/import too
BULK = b"bulk"
LETTERS = {type_[0]: type_ for type_ in TYPES}

_WITH_PARAMETER = {"projects": "{key}", "webhook": "{source}"}
_OPENAPI = Path(__file__).with_name("openapi.json")


class Endpoints:
    """The paths of ingest that take or tell something."""

    def __init__(
        self, settings: Settings, sources: Sources, commits: GroupCommit, counters: Counters
    ) -> None:
        limits = Limits(settings.event_bytes_max, settings.batch_events_max)
        self._settings = settings
        self._sources = sources
        self._reception = Reception(sources, limits, commits, counters)
        self._webhooks = Webhooks(settings, sources, self._reception)
        self._too_large = answers.too_large(settings.request_bytes_max)
        self._webhook_too_large = answers.too_large(settings.webhook_bytes_max)
        self._openapi = answer(200, _OPENAPI.read_bytes())

    def paths(self) -> dict[str, Methods]:
        """What is done at each path, without the slash in which it may end."""
        return {
            **{f"/v1/{type_}": {"POST": self._taking(single(type_))} for type_ in TYPES},
            **{f"/v1/{name}": {"POST": self._taking(batch)} for name in ("batch", "import")},
            **{
                f"/v1/{letter}": {"POST": self._taking(single(type_), from_users=True)}
                for letter, type_ in LETTERS.items()
            },
            "/v1/b": {"POST": self._taking(batch, from_users=True)},
            "/v1/m": {"POST": _let_go},
            **{f"/v1/pixel/{type_}": {"GET": self._pixel(type_)} for type_ in TYPES},
            "/v1/projects/{key}/settings": {"GET": self._project},
            "/v1/webhook/{source}": dict.fromkeys(("POST", "PUT", "PATCH"), self._webhook),
            "/openapi.json": {"GET": self._described},
        }

    def _taking(self, take: Take, *, from_users: bool = False) -> Endpoint:
        bytes_max = self._settings.request_bytes_max

        async def taken(request: Request) -> Answer:
            try:
                sent = await read(request.receive, bytes_max)
                if encoding := request.headers.get(b"content-encoding"):
                    sent = inflated(sent, encoding, bytes_max)
            except TooLargeError:
                return self._too_large
            except MalformedError as wrong:
                return answers.malformed(str(wrong))
            client = NOBODY
            if from_users or b'"direct"' in sent:
                client = self._client(request, from_users=from_users)
            bulk = request.headers.get(LANE, b"").lower() == BULK
            return await self._reception.answer(
                take, request.authorization, sent, client, bulk=bulk
            )

        return taken

    def _pixel(self, type_: str) -> Endpoint:
        take = single(type_)

        async def shown(request: Request) -> Answer:
            client = self._client(request, from_users=True)
            query = request.scope["query_string"]
            try:
                sent = pixel.event(query)
            except MalformedError as wrong:
                fault = Fault("bad_request", str(wrong))
                self._reception.refuse(fault, request.authorization, pixel.write_key(query))
            else:
                await self._reception.show(take, request.authorization, sent, client)
            return pixel.IMAGE

        return shown

    async def _webhook(self, request: Request) -> Answer:
        try:
            return await self._webhooks.answer(request)
        except TooLargeError:
            return self._webhook_too_large

    async def _project(self, request: Request) -> Answer:
        """What a browser or mobile SDK asks for whose CDN is this relay."""
        key = request.path.split("/")[3]
        if key not in self._sources.by_key:
            return answers.NO_SETTINGS
        host = request.headers.get(b"host", b"").decode("latin-1")
        scheme = client_scheme(request, self._settings.trusted_proxies)
        segment = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": scheme}
        return answer(200, msgspec.json.encode({"integrations": {"Segment.io": segment}}))

    async def _described(self, _request: Request) -> Answer:
        return self._openapi

    def _client(self, request: Request, *, from_users: bool) -> Client:
        return Client(client_address(request, self._settings.trusted_proxies), from_users)


class Paths:
    """Finds what is done at a path; every path answers OPTIONS and may end in a slash."""

    def __init__(self, paths: Mapping[str, Methods]) -> None:
        complete = {path: {**methods, "OPTIONS": _allowed} for path, methods in paths.items()}
        self._paths = complete | {f"{path}/": methods for path, methods in complete.items()}

    def find(self, path: str) -> Methods | None:
        found = self._paths.get(path)
        if found is not None:
            return found
        match path.split("/"):
            case ["", "v1", ("projects" | "webhook") as what, _, *rest]:
                path = "/".join(("", "v1", what, _WITH_PARAMETER[what], *rest))
        return self._paths.get(path)


async def _allowed(_request: Request) -> Answer:
    return PREFLIGHT


async def _let_go(_request: Request) -> Answer:
    """Browsers send measurements of the SDK itself; Segment has a use for them."""
    return SUCCESS
