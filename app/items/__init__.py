"""What the API and `--json` answer, in one shape each.

Moments are ISO 8601 in UTC. Events stand there as their own bytes, so that no number is rounded.
"""

from app.items.destinations import (
    action,
    day,
    destination,
    finding,
    flag,
    rejections,
    setting,
    shown,
    source,
)
from app.items.letters import attempt, exported, group, letter, opened, retry, trace
from app.items.letters_moved import discard, discard_survey, replay, survey
from app.items.pipeline import pipeline
from app.items.rules import remapping, rule, trial, unmapped, unmapped_groups
from app.items.shape import Item, payload

__all__ = [
    "Item",
    "action",
    "attempt",
    "day",
    "destination",
    "discard",
    "discard_survey",
    "exported",
    "finding",
    "flag",
    "group",
    "letter",
    "opened",
    "payload",
    "pipeline",
    "rejections",
    "remapping",
    "replay",
    "retry",
    "rule",
    "setting",
    "shown",
    "source",
    "survey",
    "trace",
    "trial",
    "unmapped",
    "unmapped_groups",
]
