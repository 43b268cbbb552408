"""Why a verb is refused, so that command line, API and pages each say it in their way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from app.dead_letters import BadPayload, BuriedAgain, Changed
from app.mapping import BadRule
from app.replays import BadRate, NothingIsSent, ReplayRunning, TooManyIds
from app.rules import ConfiguredRule, RuleExists, TooManyRules

Code = Literal[
    "unknown_destination",
    "unknown_source",
    "unknown_letter",
    "unknown_replay",
    "unknown_discard",
    "unknown_rule",
    "unknown_flag",
    "unknown_event",
    "buried_again",
    "letter_changed",
    "replay_running",
    "replay_ended",
    "nothing_to_replay",
    "nothing_to_discard",
    "discard_running",
    "dry_run",
    "orphaned",
    "no_rules_apply",
    "rule_exists",
    "too_many_rules",
    "configured_rule",
    "bad_payload",
    "bad_rate",
    "bad_rule",
    "bad_cursor",
    "too_many_ids",
]


class Refused(Exception):
    """Nothing was changed. `code` is a word for programs, `field` the member that is wrong."""

    def __init__(self, code: Code, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class Absent(Refused):
    """There is no such destination, letter, replay, rule or flag."""


class Conflict(Refused):
    """What is asked for cannot be done as things stand."""


class Wrong(Refused):
    """What was given is wrong in itself."""


def no_letter(destination: str, letter: str) -> Absent:
    why = "it was replayed or discarded, or the id is wrong"
    return Absent("unknown_letter", f"there is no dead letter {letter} at {destination}: {why}")


@contextmanager
def refusals() -> Iterator[None]:
    """Says in these terms what the parts below refuse."""
    try:
        yield
    except (BadPayload, BadRate, BadRule, TooManyIds) as wrong:
        raise Wrong(*_wrong(wrong)) from wrong
    except (
        BuriedAgain,
        Changed,
        ReplayRunning,
        NothingIsSent,
        RuleExists,
        TooManyRules,
        ConfiguredRule,
    ) as conflict:
        raise Conflict(*_conflict(conflict)) from conflict


def _wrong(error: BadPayload | BadRate | BadRule | TooManyIds) -> tuple[Code, str, str]:
    match error:
        case BadPayload():
            return "bad_payload", str(error), error.field
        case BadRate():
            return "bad_rate", str(error), "rate"
        case TooManyIds():
            return "too_many_ids", str(error), "ids"
        case BadRule():
            return "bad_rule", str(error), next(iter(error.faults), "")


def _conflict(error: Exception) -> tuple[Code, str, str]:
    match error:
        case BuriedAgain():
            return "buried_again", str(error), ""
        case Changed():
            return "letter_changed", "the letter was changed meanwhile: look at it again", ""
        case ReplayRunning():
            return "replay_running", str(error), ""
        case NothingIsSent():
            return "dry_run", str(error), ""
        case RuleExists():
            return "rule_exists", str(error), "id"
        case ConfiguredRule():
            return "configured_rule", str(error), ""
        case _:
            return "too_many_rules", str(error), ""
