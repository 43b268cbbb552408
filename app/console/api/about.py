"""The relay itself: its processes, its store, its settings."""

import os

from starlette.responses import Response

from app import inspection, items
from app.clock import milliseconds
from app.console.api.answers import answer, page
from app.console.api.asked import TheDesk, router
from app.console.api.shapes.about import Setting, Status
from app.console.api.shapes.lists import Page
from app.presence import alive_since, live_processes, live_queues, ticking
from app.settings.told import told
from app.settings.written import read

routes = router("the relay")


@routes.get("/status", response_model=Status)
def show_status(desk: TheDesk) -> Response:
    """Show who is at work, and what is found of the store and the processes."""
    since = alive_since(milliseconds())
    found = [
        *inspection.of_the_store(desk.store, desk.settings),
        *inspection.of_the_processes(desk.store, desk.settings),
    ]
    queues = sorted(live_queues(desk.store, since))
    return answer(
        {
            "store": desk.settings.store_address,
            "workers": {"processes": live_processes(desk.store, since), "queues": queues},
            "beat": ticking(desk.store, since),
            "findings": [items.finding(one) for one in found],
        }
    )


@routes.get("/settings", response_model=Page[Setting])
def list_settings(desk: TheDesk) -> Response:
    """List every setting in effect with where it comes from; secrets are masked."""
    return page([items.setting(one) for one in told(desk.settings, read(None, os.environ))])
