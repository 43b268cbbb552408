"""The page that Prometheus scrapes. The guard lets only bearers of a token through."""

import redis
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from app.clock import milliseconds
from app.console.desk import Desk
from app.metrics import CONTENT_TYPE, exposition

AWAY = "the store does not answer, so there are no metrics: look at store_url and at the store\n"


def router(desk: Desk) -> APIRouter:
    """`GET /metrics`: 503 rather than a part of the page."""
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        try:
            page = exposition(desk.store, desk.settings, milliseconds())
        except redis.RedisError:
            return PlainTextResponse(AWAY, 503, {"Retry-After": "5"})
        return Response(page, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    return routes
