"""How groups, letters and replays are put into rows and sentences. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from app.console.letters.asked import Asked
from app.console.widgets import NONE, whole
from app.dead_letters import Buried, Group, Letter
from app.fingerprint import pattern
from app.timestamps import instant

TREND_HEIGHT: Final = 24
BAR: Final = 4

FAILED: Final = {
    "rejected": "It was refused",
    "exhausted": "It failed until its retries were used up",
    "unconfirmed": "It may have been recorded, for the call was cut off",
    "untransformable": "A bug tripped over it",
    "poison": "It killed every process that touched it",
}
ADVICE: Final = {
    "rejected": "Mend the cause at the destination, or the event, then replay it.",
    "exhausted": "Replay it once the destination is well.",
    "unconfirmed": "Find out whether it was recorded. If it was, discard it as delivered; if it "
    "was not, replay it: a replay of what was recorded bills it twice.",
    "untransformable": "Replay it with the version that mends the bug.",
    "poison": "Mend the event, then replay it.",
}


def letter_path(destination: str, id_: str) -> str:
    return f"/dead-letters/{quote(destination, safe='')}/{quote(id_, safe='')}"


def moment(ms: int) -> str:
    """A moment in UTC, short: 2026-05-01 09:30:00."""
    return instant(ms)[:19].replace("T", " ")


def sentence(letter: Letter) -> str:
    """What failed and why."""
    after = f" after {letter.attempts:,} attempts" if letter.attempts > 1 else ""
    return f"{FAILED.get(letter.reason, letter.reason)}{after}: {letter.message or 'no message'}"


def normalised(group: Group) -> str:
    """What the messages of a group have in common."""
    return pattern(group.message) if group.count > 1 else group.message


def bars(counts: Sequence[int]) -> str:
    """The path of a bar for every count, the highest as high as there is room; empty without."""
    most = max(counts, default=0)
    if not most:
        return ""
    heights = [max(1, round(TREND_HEIGHT * count / most)) if count else 0 for count in counts]
    return "".join(
        f"M{BAR * n} {TREND_HEIGHT}v-{height}h{BAR - 1}v{height}z"
        for n, height in enumerate(heights)
        if height
    )


def lately(counts: Sequence[int]) -> str:
    """The same in words."""
    hour, day = counts[-1], sum(counts)
    return f"{hour:,} in the last hour, {day:,} in the last {len(counts)} hours"


def group_row(
    destination: str, group: Group, trend: Sequence[int], asked: Asked
) -> Mapping[str, object]:
    return {
        "id": f"{destination} {group.id}",
        "destination": destination,
        "reason": group.reason,
        "status": NONE if group.status is None else str(group.status),
        "message": normalised(group) or "no message",
        "count": whole(group.count),
        "first": moment(group.first_at),
        "last": moment(group.last_at),
        "trend": bars(trend),
        "lately": lately(trend) if trend else "",
        "sample": "one letter",
        "open": asked.there("/dead-letters", destination=destination, group=group.id),
        "letter": asked.there(
            letter_path(destination, group.sample), destination=None, group=group.id
        ),
    }


def letter_row(destination: str, one: Buried, asked: Asked) -> Mapping[str, object]:
    return {
        "id": one.id,
        "destination": destination,
        "buried": moment(one.letter.buried_at),
        "reason": one.letter.reason,
        "message": one.letter.message or "no message",
        "event": one.letter.event or NONE,
        "user": one.letter.user or NONE,
        "message_id": one.letter.id,
        "attempts": whole(one.letter.attempts),
        "open": asked.there(letter_path(destination, one.id), destination=None),
    }
