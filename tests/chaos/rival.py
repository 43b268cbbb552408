"""What one would write without the relay: a Celery task for each event and destination.

Set as Celery's documentation advises for work that must not be lost: late acknowledgement,
rejection when a worker is lost, retries with a countdown below the visibility timeout. Kable tells
repeats by their transaction id; Kana cannot, so a repeat there bills twice.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import requests
from celery import Celery
from kombu.exceptions import OperationalError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Event = dict[str, Any]

# What a killed worker had in hand comes again after this; the default is an hour.
VISIBILITY_S = 30
TIMEOUT_S = (3, 10)
RETRIES: Mapping[str, Any] = {
    "autoretry_for": (requests.RequestException,),
    "retry_backoff": True,
    "retry_backoff_max": 8,
    "max_retries": None,
}
RECORD_USAGE = """
mutation recordUsage($input: CreateUsageEventInput!) {
  recordUsage(input: $input) { recorded reason }
}
"""

celery = Celery("rival")


def configuration() -> dict[str, Any]:
    return {
        "broker_url": os.environ["RIVAL_BROKER_URL"],
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_S,
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
        },
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_enable_remote_control": False,
    }


celery.add_defaults(configuration)


class NotRecorded(requests.RequestException):
    """Kana answered 200 and recorded nothing."""


@celery.task(**RETRIES)  # type: ignore[untyped-decorator] # Celery has no types
def kable(event: Event) -> None:
    usage = {
        "clientId": event["userId"],
        "timestamp": event["timestamp"],
        "transactionId": event["messageId"],
        "data": event["properties"],
    }
    _posted("kable", "/api/v1/events/create", [usage])


@celery.task(**RETRIES)  # type: ignore[untyped-decorator] # Celery has no types
def kana(event: Event) -> None:
    usage = {"userId": event["userId"], **event["properties"], "action": "ADD"}
    query = {"query": RECORD_USAGE, "variables": {"input": usage}}
    told = _posted("kana", "/graphql", query).json()
    if told.get("errors") or not told["data"]["recordUsage"]["recorded"]:
        raise NotRecorded(json.dumps(told)[:300])


def for_kana(event: Event) -> bool:
    return event["type"] == "track" and "featureId" in event["properties"]


def ingest() -> Starlette:
    """What uvicorn serves; 200 is answered when the broker has taken all tasks of a request."""
    return Starlette(
        routes=[
            Route("/readyz", _ready, methods=["GET"]),
            Route("/v1/{kind}", _take, methods=["POST"]),
        ]
    )


async def _take(request: Request) -> Response:
    sent = await request.json()
    try:
        await run_in_threadpool(_publish, sent.get("batch", [sent]))
    except OperationalError:
        return JSONResponse({"success": False}, 503, {"Retry-After": "1"})
    return JSONResponse({"success": True})


def _publish(events: Sequence[Event]) -> None:
    now = datetime.now(UTC).isoformat()
    for event in events:
        if event["type"] == "track":
            kable.delay({"timestamp": now, **event})
            if for_kana(event):
                kana.delay(event)


async def _ready(_: Request) -> Response:
    return JSONResponse({"ready": True})


@cache
def _session() -> requests.Session:
    """One for each process of a worker."""
    made = requests.Session()
    made.headers["KABLE-CLIENT-ID"] = os.environ["RIVAL_KABLE_CLIENT_ID"]
    made.headers["KABLE-CLIENT-SECRET"] = os.environ["RIVAL_KABLE_KEY"]
    return made


def _posted(partner: str, path: str, content: object) -> requests.Response:
    headers = {"Authorization": os.environ["RIVAL_KANA_KEY"]} if partner == "kana" else {}
    url = os.environ[f"RIVAL_{partner.upper()}_URL"] + path
    answer = _session().post(url, json=content, headers=headers, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer
