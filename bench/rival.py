"""What one would write without the relay: an endpoint that sends one Celery task per event.

The task posts its event to Kable with a requests.Session. Celery is set as its documentation
advises for work that must not be lost: late acknowledgement, rejected when the worker is lost.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

import msgspec
import requests
from celery import Celery

from bench.events import AUTHORIZATION
from bench.load import BODY

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

celery = Celery("rival")


def configuration() -> dict[str, Any]:
    """Prefetching 32 a process was the fastest; results, events and remote control are off."""
    return {
        "broker_url": os.environ["RIVAL_BROKER_URL"],
        "broker_connection_retry_on_startup": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "worker_prefetch_multiplier": 32,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
    }


celery.add_defaults(configuration)


@cache
def session() -> requests.Session:
    """One for each process of the worker."""
    made = requests.Session()
    made.headers["KABLE-CLIENT-ID"] = os.environ["RIVAL_KABLE_CLIENT_ID"]
    made.headers["KABLE-CLIENT-SECRET"] = os.environ["RIVAL_KABLE_KEY"]
    return made


@celery.task(  # type: ignore[untyped-decorator] # Celery has no types
    autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=None
)
def deliver(event: dict[str, Any]) -> None:
    usage = {
        "clientId": event["userId"],
        "timestamp": event["timestamp"],
        "transactionId": event["messageId"],
        "data": event["properties"],
    }
    url = f"{os.environ['RIVAL_KABLE_URL']}/api/v1/events/create"
    session().post(url, json=[usage], timeout=(3, 10)).raise_for_status()


def ingest() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """What `uvicorn --factory bench.rival:ingest` serves: /v1/track and /v1/batch."""
    return _application


async def _application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = await _read(receive)
    events = _events(scope["path"], body)
    if (b"authorization", AUTHORIZATION) not in scope["headers"]:
        await _answer(send, 401, b'{"success": false}')
    elif not all(map(_is_valid, events)):
        await _answer(send, 400, b'{"success": false}')
    else:
        _publish(events)
        await _answer(send, 200, BODY)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _events(path: str, body: bytes) -> list[dict[str, Any]]:
    sent = msgspec.json.decode(body, type=dict[str, Any])
    return sent["batch"] if path == "/v1/batch" else [sent]


def _is_valid(event: dict[str, Any]) -> bool:
    named = (event.get(name) for name in ("userId", "event", "messageId", "timestamp"))
    return all(isinstance(value, str) and value for value in named)


def _publish(events: list[dict[str, Any]]) -> None:
    """In the event loop: handing it to threads was a fifth slower."""
    for event in events:
        deliver.delay(event)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
