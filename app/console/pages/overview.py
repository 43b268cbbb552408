"""How everything stands, at a glance."""

from nicegui import ui
from starlette.requests import Request

from app.console.desk import Desk
from app.console.frame import framed
from app.console.widgets import state
from app.standing import state as state_of


def register(desk: Desk) -> None:
    @ui.page("/")
    async def page(request: Request) -> None:
        look = await desk.watch.look()
        with framed(desk, request, "Overview"):
            for standing in look.standings:
                with ui.card():
                    ui.label(standing.account.id)
                    state(state_of(standing)[0])
