"""The relay's processes with bugs: what they trip over tells all that it has in hand."""

from dataclasses import replace
from typing import Any, cast

from app import reports, telemetry
from app.destination import Transformed
from app.destinations import ACCOUNTS, KINDS
from app.destinations.kable import KABLE, KableAccount
from app.ingest import Ingest
from app.ingest.answers import Answer
from app.ingest.endpoints import Paths
from app.ingest.request import Request, read
from app.segment import Event
from app.settings import load
from app.store import connect, connect_async
from app.wake import Wakes
from workers.application import celery, settings

__all__ = ["celery", "console", "ingest"]


def _trips(event: Event, account: KableAccount) -> Transformed:
    if event.text("event") == "Trip":
        raise ValueError(f"{event} of {account.api_key}")
    return KABLE.transform(event, account)


cast("dict[str, Any]", KINDS)["kable"] = replace(KABLE, transform=_trips)


def ingest() -> reports.Application:
    """Ingest that crashes over every `identify`."""
    chosen = load(ACCOUNTS)
    telemetry.configure(chosen)
    url = chosen.store_url.get_secret_value()
    served = Ingest(chosen, KINDS, connect_async(url), Wakes(url).send)

    async def crashes(request: Request) -> Answer:
        body = await read(request.receive, 100_000)
        raise ValueError(f"{body!r} {request.headers} {request.scope}")

    served._known = Paths(served.paths | {"/v1/identify": {"POST": crashes}})
    return reports.watched(served, chosen)


def console() -> reports.Application:
    """A console that crashes over /api/crash."""
    from app.console.application import console as without_bugs  # costs the others seconds

    chosen = load(ACCOUNTS)
    telemetry.configure(chosen)
    served = without_bugs(chosen)

    async def crashes(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope.get("path") == "/api/crash":
            raise RuntimeError(f"{scope}")
        await served(scope, receive, send)

    return reports.watched(crashes, chosen)


@celery.task(name="tests.fails")
def fails(told: str) -> None:
    raise LookupError(told)


@celery.task(name="tests.breaks_a_pipeline")
def breaks_a_pipeline(told: str) -> None:
    """redis-py tells the command that the store refused, with keys and values."""
    with connect(settings().store_url.get_secret_value()).pipeline() as pipe:
        pipe.set(told, told)
        pipe.hset(told, told, told)
        pipe.execute()
