"""What became of a destination's events in words and numbers, with the lists behind them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from app.console.widgets import address
from app.fates import NAME_MAX, OTHER, named
from app.pipeline import Fates, Named, Numbers, Pipeline
from app.timestamps import instant

Tone = Literal["good", "fair", "bad", "plain"]

NO_NAME: Final = "(no name)"
UNCONFIRMED: Final = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where events went: at once when they came, and `later`, when they had waited."""

    title: str
    first: int
    later: int
    tone: Tone
    address: str
    meaning: str

    @property
    def count(self) -> int:
        return self.first + self.later


@dataclass(frozen=True, slots=True)
class About:
    """Whose numbers they are: of a destination, of one event's name (None: of all), in a time."""

    destination: str
    event: str | None
    since: int
    until: int

    @property
    def letters_event(self) -> str | None:
        """How dead letters name it; None where their filter cannot."""
        if self.event is None or self.event == OTHER:
            return None
        type_, name = named(self.event)
        cut = len(name) == NAME_MAX and name.endswith("…")
        return None if cut else name or type_

    def list_(self, path: str, **more: object) -> str:
        return address(path, destination=self.destination, **more)

    def dead(self, reason: str | None = None) -> str:
        """The dead letters of these."""
        since, until = instant(self.since), instant(self.until)
        event = self.letters_event
        return self.list_("/dead-letters", reason=reason, event=event, since=since, until=until)


def stages(numbers: Numbers, about: About) -> list[Stage]:
    """All that a delivery can come to, in the order of the flow; those without any left out."""
    return [one for one in _stages(numbers, about) if one.count]


def event_title(key: str) -> str:
    """A name of the pipeline for people: that of a track, or what call it is."""
    type_, name = named(key)
    if type_ == "track":
        return name or NO_NAME
    return f"({type_ or 'all other names'})"


def event_row(one: Named, about: About, own: str) -> dict[str, object]:
    """A line of the table by event; what can be followed has its address beside it."""
    its = About(about.destination, one.event, about.since, about.until)
    first, later = one.numbers.first, one.numbers.later
    counts = {
        "received": one.numbers.received,
        "filtered": first.filtered + later.filtered,
        "skipped": _skipped(first) + _skipped(later),
        "unmapped": first.unmapped + later.unmapped,
        "first_attempt": first.delivered + later.delivered,
        "after_retry": first.delivered_after_retry + later.delivered_after_retry,
        "retried": first.retried + later.retried,
        "dead": sum(first.dead.values()) + sum(later.dead.values()),
    }
    lists = {
        "unmapped": its.list_("/unmapped", event=its.letters_event),
        "retried": its.list_("/retries"),
        "dead": its.dead(),
    }
    links = {f"{name}_at": there if counts[name] else "" for name, there in lists.items()}
    return {"id": one.event, "event": event_title(one.event), "own": own, **counts, **links}


def reach(found: Pipeline, asked_since: int) -> str:
    """Which hours the numbers are of."""
    told = f"Whole hours from {instant(found.since)} to {instant(found.until)}."
    if found.since > asked_since:
        told += " Earlier hours are not kept."
    return told


def _skipped(fates: Fates) -> int:
    return fates.skipped + fates.before_cutover + fates.dry_run


def _stages(numbers: Numbers, about: About) -> Iterator[Stage]:
    first, later = numbers.first, numbers.later
    live, retries = about.list_("/live"), about.list_("/retries")
    unmapped = about.list_("/unmapped", event=about.letters_event)
    own = f"/destinations/{about.destination}"

    def stage(word: str, title: str, tone: Tone, there: str, meaning: str) -> Stage:
        return Stage(title, getattr(first, word), getattr(later, word), tone, there, meaning)

    yield stage("filtered", "filtered", "plain", live, "a filter of the settings keeps it back")
    yield stage(
        "before_cutover", "before the cutover", "plain", live, "it is older than deliver_from"
    )
    yield stage("dry_run", "dry run", "plain", f"{own}#shown", "shown and skipped, not sent")
    yield stage("skipped", "skipped", "plain", live, "the destination has no use for it")
    yield stage("unmapped", "unmapped", "fair", unmapped, "no rule says what it means")
    yield stage("delivered", "delivered at first attempt", "good", live, "")
    yield stage("delivered_after_retry", "delivered after retry", "good", live, "")
    yield stage("retried", "retrying", "fair", retries, "it began to wait for a retry")
    yield stage("behind", "behind", "fair", retries, "an earlier one of its user is retried")
    for reason in sorted({*first.dead, *later.dead}):
        counts = first.dead.get(reason, 0), later.dead.get(reason, 0)
        there = about.list_("/unconfirmed") if reason == UNCONFIRMED else about.dead(reason)
        yield Stage(f"dead: {reason}", *counts, "bad", there, "buried, whatever was decided since")
