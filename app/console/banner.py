"""What the banner over every page says: what keeps deliveries from flowing, or soon will. Pure."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from app.console.overview.cards import pauser
from app.console.watch import Look
from app.console.widgets import address
from app.findings import Finding
from app.standing import Standing, Word, backlog_high, standstill, state

Severity = Literal["bad", "fair"]

DEAD_LETTERS: Final = "Dead letters"


class Warning_(NamedTuple):  # noqa: N801 - Warning is Python's
    """`bad` is what stops or loses something, `fair` what does not yet; `link` leads to a cure."""

    severity: Severity
    words: str
    link: str = ""
    address: str = ""


def warnings(look: Look) -> list[Warning_]:
    """What is bad first."""
    if look.away:
        words = "The store does not answer: what you see is older, and is renewed by itself. "
        return [Warning_("bad", f"{words}({look.away})")]
    found = [
        *(
            _of_the_finding(one)
            for one in look.findings
            if one.state != "ok" and not _is_hint(one)
        ),
        *(warning for one in look.standings for warning in _of_the_destination(one, look)),
    ]
    return sorted(found, key=lambda one: one.severity != "bad")


def hints(look: Look) -> list[Finding]:
    """What could be better and costs nothing but speed: for the overview, not for every page."""
    return [one for one in look.findings if one.state != "ok" and _is_hint(one)]


def _is_hint(finding: Finding) -> bool:
    return finding.part == "workers" and finding.state == "warning"


def _of_the_finding(finding: Finding) -> Warning_:
    advice = f": {finding.advice}" if finding.advice else ""
    words = f"{finding.part.capitalize()}: {finding.found}{advice}"
    severity: Severity = "bad" if finding.state == "failed" else "fair"
    if "dead letters" in finding.advice:
        return Warning_(severity, words, DEAD_LETTERS, "/dead-letters")
    return Warning_(severity, words)


def _of_the_destination(standing: Standing, look: Look) -> Iterator[Warning_]:
    """A pause that an operator made is meant; one that the relay made is trouble."""
    id_, (word, _) = standing.account.id, state(standing)
    if standstill(standing, look.at):
        by_hand = word == "paused" and standing.throttle.paused_by == "operator"
        severity: Severity = "fair" if by_hand or word == "throttled" else "bad"
        yield Warning_(severity, _standstill(standing, word, look), *_cure(standing, word))
    if high := backlog_high(standing, look.at):
        yield Warning_("fair", f"{id_}: {high}", "Look", address(f"/destinations/{id_}"))
    if standing.census.unaccounted:
        words = f"{id_}: {standing.census.unaccounted:,} accepted deliveries are in no place"
        yield Warning_("bad", f"{words}, see docs/operations.md")


def _standstill(standing: Standing, word: Word, look: Look) -> str:
    """Without moments, which would make it news at every look."""
    id_, throttle = standing.account.id, standing.throttle
    if word != "paused":
        return f"{id_} is {word}: {throttle.held_why}"
    why = f": {throttle.paused_why}" if throttle.paused_why else ""
    renewed = "; its credentials have changed since" if standing.renewed else ""
    return f"{id_} is paused by {pauser(standing, look.pausers.get(id_, ''))}{why}{renewed}"


def _cure(standing: Standing, word: Word) -> tuple[str, str]:
    id_ = standing.account.id
    if standing.throttle.paused_cause == "refusals":
        return DEAD_LETTERS, address("/dead-letters", destination=id_)
    return ("Resume it", "/") if word == "paused" else ("Look", address(f"/destinations/{id_}"))
