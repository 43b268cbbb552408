"""What ingest refused: by source and code, what that means, and the newest samples."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from nicegui import ui
from starlette.requests import Request

from app.console.codes import meaning
from app.console.desk import Desk
from app.console.frame import framed
from app.console.lines import pretty
from app.console.live import Live
from app.console.widgets import Row, address, choice, code, fault, nothing, section, table, whole
from app.counters import Tally, samples, tally

ALL: Final = "all"
COLUMNS: Final = ("source", "code", "events", "meaning")

Found = tuple[list[Row], list[tuple[Row, list["Sample"]]]]


class Sample(msgspec.Struct, frozen=True):
    """A refused event, when it came and what was wrong with it."""

    at: str = ""
    message: str = ""
    event: str = ""


def register(desk: Desk) -> None:
    sources = list(desk.settings.sources)

    @ui.page("/rejections")
    async def page(request: Request) -> None:
        source = request.query_params.get("source", "")
        asked = request.query_params.get("code", "")

        def read() -> Found:
            found = rows({one: tally(desk.store, one) for one in sources}, source)
            return found, [(one, told(_samples(desk, one))) for one in chosen(found, asked)]

        with framed(desk, request, "Rejections"):
            paths = {name: address("/rejections", source=name) for name in sources}
            choice("Source", {ALL: "/rejections", **paths}, source or ALL)
            if source and source not in sources:
                fault(f"source: expected one of {', '.join(sources)}; found {source}")
                return
            await Live(lambda: asyncio.to_thread(read), lambda found: _show(*found, asked)).begin()


def rows(tallies: Mapping[str, Tally], source: str) -> list[Row]:
    """A row for each code of each source, the one with the most events first. Pure."""
    counted = [
        (name, word, count)
        for name, tally in tallies.items()
        if source in ("", name)
        for word, count in tally.refused.items()
    ]
    return [_row(*one) for one in sorted(counted, key=lambda one: -one[2])]


def told(kept: Sequence[bytes]) -> list[Sample]:
    """The samples that the store keeps as JSON; one that nothing can read shows as it is. Pure."""
    return [_sample(one) for one in kept]


def chosen(found: Sequence[Row], asked: str) -> Sequence[Row]:
    """Of which samples are shown: the code that is asked for, or the most frequent one. Pure."""
    return [row for row in found if row["code"] == asked] if asked else found[:1]


def _samples(desk: Desk, row: Row) -> list[bytes]:
    return samples(desk.store, str(row["source"]), str(row["code"]))


def _show(found: Sequence[Row], kept: Sequence[tuple[Row, list[Sample]]], asked: str) -> None:
    if not found:
        nothing("Nothing was refused.")
        return
    table(COLUMNS, found, links={"code": "samples", "events": "samples"})
    if not kept:
        fault(f"code: nothing was refused as {asked}")
    for row, newest in kept:
        section(f"{row['code']} of {row['source']}: the newest {len(newest)}")
        for sample in newest:
            with ui.element("article").classes("relay-refused"):
                ui.label(f"{sample.at} · {sample.message}")
                if sample.event:
                    code(pretty(sample.event))


def _row(source: str, word: str, count: int) -> Mapping[str, object]:
    when, cure = meaning(word)
    return {
        "id": f"{source} {word}",
        "source": source,
        "code": word,
        "events": whole(count),
        "meaning": f"{when} {cure}",
        "samples": address("/rejections", source=source, code=word),
    }


def _sample(kept: bytes) -> Sample:
    try:
        return msgspec.json.decode(kept, type=Sample)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Sample(event=kept.decode(errors="replace"))
