"""The relay itself: its processes, its store, its settings."""

from starlette.responses import Response

from app import inspection, items
from app.clock import milliseconds
from app.console.api.answers import answer
from app.console.api.asked import TheDesk, router
from app.console.api.shapes import Status
from app.presence import alive_since, live_processes, live_queues, ticking

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
