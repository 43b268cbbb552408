"""What was sent and what came back, side by side, and how an event was edited."""

from collections.abc import Sequence
from difflib import unified_diff
from itertools import islice
from typing import Final, NamedTuple

import msgspec
from nicegui import ui

from app.console.letters.shown import moment
from app.console.widgets import code, length, nothing, section
from app.dead_letters import Opened

LINES_MAX: Final = 400
SHOWN_MS: Final = 1_000
KINDS: Final = {"+": "added", "-": "removed", "@": "place"}


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


def differences(before: bytes, after: bytes) -> list[tuple[str, str]]:
    """The lines that differ, each with what it is: added, removed, place or same. Pure."""
    lines = unified_diff(pretty(before).splitlines(), pretty(after).splitlines(), lineterm="", n=2)
    found = islice((line for line in lines if not line.startswith(("---", "+++"))), LINES_MAX)
    return [(KINDS.get(line[:1], "same"), line) for line in found]


def pretty(text: bytes | str) -> str:
    """JSON in lines, its values untouched; what is no JSON as it is. Pure."""
    told = text.decode(errors="replace") if isinstance(text, bytes) else text
    try:
        return msgspec.json.format(told, indent=2)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return told


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


def show_edits(opened: Opened) -> None:
    """What an operator made of the event, where one did."""
    tried = opened.delivery
    if tried.original is None:
        return
    section("What was edited")
    with ui.element("div").classes("relay-code relay-diff"):
        for kind, line in differences(tried.original, tried.event):
            ui.label(line).classes(f"relay-{kind}")
    with ui.expansion("You sent, before it was edited").classes("relay-wide"):
        code(pretty(tried.original))


def _panel(title: str) -> ui.element:
    panel = ui.element("section").classes("relay-panel")
    with panel:
        ui.label(title).classes("relay-section").props("role=heading aria-level=2")
    return panel


def _wait(since: int, at: int) -> str:
    return length((at - since) / 1000) if at - since >= SHOWN_MS else ""
