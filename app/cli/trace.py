"""`relay trace`: where the deliveries of one event are, and what happened to them."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, FAILED, note
from app.cli.reach import reached
from app.cli.tables import printable, show, show_json
from app.overview import orphans
from app.settings import Settings
from app.settings.durations import spelled
from app.timestamps import instant
from app.trace import Happening, Trace, Wanted, traces


def run(settings: Settings, wanted: Wanted, *, as_json: bool) -> int:
    with reached(settings) as store:
        accounts = [*settings.destinations.values(), *orphans(store, settings)]
        found = [
            trace
            for account in accounts
            for trace in traces(store, account, wanted, settings.sources)
        ]
    if as_json:
        show_json({"deliveries": [items.trace(trace) for trace in found]})
    elif found:
        show(_table(found))
    if not found:
        note(_never(settings, wanted))
        return FAILED
    return DONE


def _never(settings: Settings, wanted: Wanted) -> str:
    """What it may mean that nothing is known of an event."""
    window = min(account.dedupe_window for account in settings.destinations.values())
    source = f" from source {wanted.source}" if wanted.source else ""
    return (
        f"{wanted.message_id} was never accepted{source}, or is finished for longer than "
        f"{spelled(window)} (dedupe_window); `relay status` counts what was refused"
    )


def _table(found: Sequence[Trace]) -> Table:
    table = Table("destination", "message id", "place", "at", "what", box=None)
    for trace in found:
        place = items.trace(trace)["place"]
        head = [Text(trace.destination), Text(printable(trace.id)), Text(str(place))]
        for happening in trace.history:
            table.add_row(*head, instant(happening.at), Text(printable(_line(happening))))
            head = [Text("")] * 3
        if trace.note or not trace.history:
            table.add_row(*head, "", Text("; ".join(filter(None, (_gone(trace), trace.note)))))
            head = [Text("")] * 3
    return table


def _gone(trace: Trace) -> str:
    """What is left to say of an event that only its digest remembers."""
    if trace.history or trace.places != ("finished",):
        return ""
    return "delivered, skipped or discarded; when is no longer known"


def _line(happening: Happening) -> str:
    """What happened, in one line."""
    words: list[str] = [happening.what]
    if happening.status is not None:
        words.append(str(happening.status))
    if happening.seconds is not None:
        words.append(f"{happening.seconds:.3f} s")
    if happening.attempts is not None:
        attempts = "attempt" if happening.attempts == 1 else "attempts"
        words.append(f"after {happening.attempts} {attempts}")
    if happening.error:
        words.append(happening.error)
    return ", ".join(words)
