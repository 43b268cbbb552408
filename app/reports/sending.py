"""How a process begins to report, and which requests of its ASGI application are traced."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from random import random
from typing import Any

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration

from app.reports.lines import ALSO
from app.reports.ration import Ration
from app.reports.scrubbed import OURS, scrubbed, scrubbed_trace
from app.settings import Settings

Application = Callable[[Any, Any, Any], Awaitable[None]]

END_S = 2

# The public may not say which requests are traced, nor under which names.
_TRACING = {b"sentry-trace", b"baggage", b"traceparent"}


def begin(settings: Settings, integrations: Sequence[Integration] = ()) -> bool:
    """Report to Sentry from now on; False without a DSN.

    None of the SDK's own integrations are on but two: an end of the process that waits for what
    is being sent, without a word on standard error, and one report of an exception that is seen
    twice. The others patch libraries (redis, http.client, logging, threading, FastAPI) to collect
    what must not leave: commands with keys and values, URLs, messages, arguments, modules.
    """
    if settings.sentry_dsn is None:
        return False
    ration = Ration()

    def before_send(event: Any, hint: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own
        kept = scrubbed(event, ours=OURS in hint)
        return kept if ration.allows("\0".join(kept["fingerprint"])) else None

    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.environment,
        release=settings.release or f"usage-relay@{version('usage-relay')}",
        error_sampler=lambda event, _hint: _share(event, settings.sentry_sample_rate),
        traces_sampler=lambda context: _traced(context, settings.sentry_traces_sample_rate),
        default_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
            *integrations,
        ],
        before_send=before_send,
        before_send_transaction=lambda event, _hint: scrubbed_trace(event),  # type: ignore[arg-type,return-value] # an Event is a mapping
        before_breadcrumb=lambda _crumb, _hint: None,
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        server_name="relay",
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=END_S,
        spotlight=False,
    )
    return True


def watched(application: Application, settings: Settings) -> Application:
    """An ASGI application, a share of whose requests is traced; its errors are lines of the log.

    Only this share goes through the SDK's middleware, which costs 80 us a request: more than
    ingest itself. A websocket is left alone, for it lasts for hours.
    """
    share = settings.sentry_traces_sample_rate
    if settings.sentry_dsn is None or share == 0:
        return application
    middleware = SentryAsgiMiddleware(application)

    async def watching(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http" or random() >= share:
            await application(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in _TRACING]
        await middleware(scope | {"headers": headers}, receive, send)

    return watching


def _traced(context: Mapping[str, Any], share: float) -> float:
    """A request has been drawn already."""
    return 1.0 if "asgi_scope" in context else share


def _share(event: Any, of_errors: float) -> float:  # noqa: ANN401 - the SDK's own
    """News is never left to chance."""
    return 1.0 if event["fingerprint"][0] in ALSO | {"destination.paused"} else of_errors
