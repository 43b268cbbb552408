"""What an operator should know before letters are replayed or discarded, in words. Pure."""

from collections.abc import Iterator

from app.dead_letters import End
from app.destinations import KINDS
from app.operating.targets import DiscardSurvey
from app.replays import Replay, Survey
from app.settings import DestinationSettings


def announced(
    survey: Survey, account: DestinationSettings, rate: float, name_them: str
) -> Iterator[str]:
    """The replay, a sentence each; `name_them` says how to take unconfirmed ones as well."""
    yield f"{letters(survey.count)} of {account.id}, at most {rate:g} a second"
    belated = KINDS[account.kind].belated
    if survey.closed_period is None:
        yield f"too many to look how many fall in a billing period that is closed: {belated}"
    elif survey.closed_period:
        fall = "falls" if survey.closed_period == 1 else "fall"
        yield f"{survey.closed_period:,} {fall} in a billing period that is closed: {belated}"
    if survey.unconfirmed:
        yield f"{survey.unconfirmed:,} {_are(survey.unconfirmed)} unconfirmed: may be billed twice"
    if survey.left_out:
        are = _are(survey.left_out)
        yield f"{survey.left_out:,} more {are} unconfirmed and left out: {name_them}"


def nothing(survey: Survey, name_them: str = "name that reason or their ids") -> str:
    """Why a replay would take no letter."""
    if not survey.left_out:
        return "no dead letter matches"
    match = "1 matches, and is" if survey.left_out == 1 else f"{survey.left_out:,} match, all"
    return f"{match} unconfirmed: {name_them}"


def discard_announced(survey: DiscardSurvey, end: End, verb: str) -> str:
    """The discard in a sentence; `verb` is would be or will be."""
    told = f"{letters(survey.count)} {verb} {participle(end)}"
    if not survey.unconfirmed or end == "delivered":
        return told
    doubtful = f"{survey.unconfirmed:,} of them {_are(survey.unconfirmed)} unconfirmed"
    return f"{told}; {doubtful} and may have been billed already"


def outcome(replay: Replay) -> str:
    """What a replay has come to, in a line."""
    named_counts = {
        "delivered": replay.delivered,
        "skipped": replay.skipped,
        "dead again": replay.dead,
        "unmapped": replay.unmapped,
        "under way": replay.under_way,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in named_counts.items() if count)
    state = f"{replay.state}: {replay.replayed:,} of {replay.total:,} replayed"
    return f"{state} ({told})" if told else state


def letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count:,} dead letters"


def participle(end: End) -> str:
    return "discarded for good" if end == "discarded" else "counted as delivered"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
