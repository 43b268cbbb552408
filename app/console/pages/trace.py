"""What became of one event: at every destination a timeline from accepted to delivered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui
from starlette.requests import Request

from app.console.desk import Desk
from app.console.frame import framed
from app.console.live import Live, Shared
from app.console.watch import Look
from app.console.widgets import address, apart, length, nothing, place, section
from app.overview import known
from app.settings import Settings
from app.settings.durations import spelled
from app.standing import state
from app.timestamps import instant
from app.trace import Happening, Trace, Wanted, traces

MOVING_S: Final = 2.0
UNKNOWN_S: Final = 10.0
FIELDS: Final = ("message_id", "source", "user")
WORDS: Final = {"due": "due again", "parked": "unmapped: no rule maps it", "buried": "dead letter"}
GONE: Final = "delivered, skipped or discarded; when is no longer known"


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a timeline; `since` is how long after the one before it came."""

    at: str
    since: str
    what: str
    error: str


Found = tuple[Sequence[Trace], Mapping[str, str]]


def register(desk: Desk) -> None:
    shared = Shared()

    @ui.page("/trace")
    async def page(request: Request) -> None:
        asked = {name: request.query_params.get(name, "").strip() for name in FIELDS}
        with framed(desk, request, "Trace"):
            _form(asked, list(desk.settings.sources))
            if not asked["message_id"]:
                nothing("Give the message id of an event: every destination is asked for it.")
                return
            wanted = Wanted(asked["message_id"], asked["source"] or None, asked["user"] or None)

            async def read() -> Found:
                found = await shared.of(wanted, lambda: everywhere(desk, wanted))
                return found, obstacles(await desk.watch.look(), found)

            await Live(
                read,
                lambda found: _show(desk.settings, wanted, *found),
                lambda found: again(found[0]),
            ).begin()


def everywhere(desk: Desk, wanted: Wanted) -> list[Trace]:
    """What all destinations have of the event, those too that the settings forgot."""
    return [
        trace
        for account in known(desk.store, desk.settings)
        for trace in traces(desk.store, account, wanted, desk.settings.sources)
    ]


def obstacles(look: Look, found: Sequence[Trace]) -> dict[str, str]:
    """Why destinations at which something of it moves do not just deliver."""
    moving = {one.destination for one in found if _moves(one)}
    states = {one.account.id: state(one) for one in look.standings if one.account.id in moving}
    return {id_: f"{word}: {why}" for id_, (word, why) in states.items() if word != "delivering"}


def again(found: Sequence[Trace]) -> float | None:
    """An event that still moves is followed, and one that is not there yet waited for."""
    if not found:
        return UNKNOWN_S
    return MOVING_S if any(map(_moves, found)) else None


def steps(history: Sequence[Happening]) -> Iterator[Step]:
    """The timeline in words."""
    before: Happening | None = None
    for one in history:
        since = "" if before is None else f"+{length(max(0, one.at - before.at) / 1000)}"
        yield Step(instant(one.at), since, _what(one), one.error)
        before = one


def meanings(settings: Settings, wanted: Wanted) -> list[str]:
    """What it may mean that no destination knows an event."""
    window = spelled(min(one.dedupe_window for one in settings.destinations.values()))
    told = [
        "It was never accepted: it never came, it was refused, or no destination takes it.",
        f"It is finished for longer than the dedupe_window, {window} at the shortest.",
    ]
    if wanted.source is not None:
        told.append(f"It came from another source than {wanted.source}.")
    if wanted.user is not None:
        told.append(f"It is another user's than {apart(wanted.user)}'s.")
    return told


def _moves(one: Trace) -> bool:
    return not {"waiting", "retrying"}.isdisjoint(one.places)


def _what(one: Happening) -> str:
    words = [WORDS.get(one.what, one.what.replace("_", " "))]
    if one.status is not None:
        words.append(f"status {one.status}")
    if one.seconds is not None:
        words.append(f"took {length(one.seconds)}")
    if one.attempts:
        words.append(f"after {one.attempts} attempt{'s' if one.attempts > 1 else ''}")
    return ", ".join(words)


def _form(asked: dict[str, str], sources: Sequence[str]) -> None:
    def go() -> None:
        told = {name: str(box.value or "").strip() for name, box in boxes.items()}
        ui.navigate.to(address("/trace", **told))

    boxes: dict[str, ui.input] = {}
    with ui.element("form").classes("relay-form").on("submit.prevent", go):
        boxes["message_id"] = ui.input("Message id", value=asked["message_id"]).classes("wide")
        boxes["source"] = ui.input(
            "Source", value=asked["source"], placeholder="any", autocomplete=list(sources)
        )
        boxes["user"] = ui.input("User", value=asked["user"], placeholder="any")
        for box in boxes.values():
            box.props("dense outlined stack-label")
        ui.button("Trace", icon="timeline").props("unelevated no-caps type=submit")
    ui.label(
        "Name the user when many deliveries wait: then only that user's are looked through."
    ).classes("relay-note")


def _show(
    settings: Settings, wanted: Wanted, found: Sequence[Trace], why: Mapping[str, str]
) -> None:
    if not found:
        _unknown(settings, wanted)
        return
    for one in found:
        with ui.card().classes("relay-wide"):
            _head(one)
            _timeline(one)
            if _moves(one) and one.destination in why:
                ui.label(f"{one.destination} is {why[one.destination]}").classes("relay-fault")
            _links(one)


def _unknown(settings: Settings, wanted: Wanted) -> None:
    section(f"Nothing is known of {wanted.message_id}")
    ui.label("That can mean:").classes("relay-note")
    with ui.element("ul").classes("relay-list"):
        for meaning in meanings(settings, wanted):
            with ui.element("li"):
                ui.label(meaning)
    with ui.row():
        ui.link("Refused events are counted here", "/rejections")
        if wanted.source or wanted.user:
            every = address("/trace", message_id=wanted.message_id)
            ui.link("Look at all sources and users", every)


def _head(one: Trace) -> None:
    with ui.row().classes("relay-head"):
        ui.link(one.destination, f"/destinations/{one.destination}").classes("relay-id")
        place(" or ".join(one.places))
        ui.label(one.id).classes("relay-mono")


def _timeline(one: Trace) -> None:
    told = list(steps(one.history))
    if told:
        with ui.element("ol").classes("relay-timeline"):
            for step in told:
                with ui.element("li"):
                    ui.label(step.what).classes("relay-what")
                    ui.label(f"{step.at} {step.since}").classes("relay-note")
                    if step.error:
                        ui.label(step.error).classes("relay-fault")
    elif one.places == ("finished",):
        nothing(GONE)
    if one.note:
        nothing(one.note.replace("with --user", "above"))


def _links(one: Trace) -> None:
    there = {
        "dead": ("The dead letter", "/dead-letters"),
        "retrying": ("The retries", "/retries"),
        "unmapped": ("The unmapped events and rules", "/unmapped"),
    }
    with ui.row():
        for where in one.places:
            if where in there:
                words, path = there[where]
                named = one.id if where == "dead" else None
                ui.link(words, address(path, destination=one.destination, message_id=named))
        ui.link("What operators did", address("/actions", destination=one.destination))
