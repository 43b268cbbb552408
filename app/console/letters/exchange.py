"""What was sent and what came back, side by side, and how an event was edited."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from nicegui import ui

from app.console.letters.shown import moment
from app.console.lines import COMPARED_MAX, pretty
from app.console.widgets import code, length, nothing, section
from app.dead_letters import Opened

SHOWN_MS: Final = 1_000
TOO_MANY: Final = (
    f"An event of more than {COMPARED_MAX:,} lines is not compared: it stands above as it is now, "
    "and below as it was."
)


class Step(NamedTuple):
    """A line of the timeline; `wait` is how long it was since the one before."""

    at: str
    what: str
    wait: str = ""
    status: str = ""
    error: str = ""
    took: str = ""


def timeline(opened: Opened) -> list[Step]:
    """From acceptance to the burial, with every attempt. Pure."""
    letter, tried = opened.letter, opened.delivery
    steps = [Step(moment(tried.accepted_at), "accepted")]
    last = tried.accepted_at
    for number, one in enumerate(tried.attempts, 1):
        steps.append(
            Step(
                moment(one.at),
                f"attempt {number}",
                _wait(last, one.at),
                "no answer" if one.status is None else f"answer {one.status}",
                one.error,
                length(one.took / 1000),
            )
        )
        last = one.at + one.took
    buried = f"buried: {letter.reason}"
    return [*steps, Step(moment(letter.buried_at), buried, _wait(last, letter.buried_at))]


def show_timeline(steps: Sequence[Step]) -> None:
    with ui.element("ol").classes("relay-steps"):
        for step in steps:
            with ui.element("li"):
                if step.wait:
                    ui.label(f"{step.wait} later").classes("relay-note relay-wait")
                with ui.element("div").classes("relay-step"):
                    ui.label(step.at).classes("relay-moment")
                    ui.label(step.what).classes("relay-what")
                    for told in (step.status, step.took):
                        if told:
                            ui.label(told).classes("relay-note")
                if step.error:
                    ui.label(step.error).classes("relay-error")


def show_exchange(opened: Opened) -> None:
    """You sent, the request and the response; on a phone one under the other."""
    tried = opened.delivery
    last = tried.attempts[-1] if tried.attempts else None
    with ui.element("div").classes("relay-exchange"):
        with _panel("You sent" if tried.original is None else "It is now"):
            code(pretty(tried.event))
        with _panel("Request"):
            if last is None or not last.request:
                nothing("None is known: it was not sent, or what was sent was not recorded.")
            else:
                head, _, body = last.request.partition("\n\n")
                ui.label(head).classes("relay-head-line")
                code(pretty(body))
        with _panel("Response"):
            if last is None or not last.response:
                nothing(last.error if last and last.error else "None came.")
            else:
                code(pretty(last.response))


def show_edits(original: bytes | None, differ: Sequence[tuple[str, str]] | None) -> None:
    """What an operator made of the event, where one did; `differ` are the lines, if compared."""
    if original is None:
        return
    section("What was edited")
    if differ is None:
        nothing(TOO_MANY)
    else:
        with ui.element("div").classes("relay-code relay-diff"):
            for kind, line in differ:
                ui.label(line).classes(f"relay-{kind}")
    with ui.expansion("You sent, before it was edited").classes("relay-wide"):
        code(pretty(original))


def _panel(title: str) -> ui.element:
    panel = ui.element("section").classes("relay-panel")
    with panel:
        ui.label(title).classes("relay-section").props("role=heading aria-level=2")
    return panel


def _wait(since: int, at: int) -> str:
    return length((at - since) / 1000) if at - since >= SHOWN_MS else ""
