"""What operators do, written once for the command line, the API and the pages of the console."""

from app.operating.announced import (
    announced,
    discard_announced,
    letters,
    nothing,
    outcome,
    participle,
)
from app.operating.discards import Discard, Discards
from app.operating.operator import Operator, Resolved, Resumed, RuleAdded
from app.operating.refusals import Absent, Code, Conflict, Refused, Wrong, no_letter
from app.operating.targets import DiscardSurvey, described, named

__all__ = [
    "Absent",
    "Code",
    "Conflict",
    "Discard",
    "DiscardSurvey",
    "Discards",
    "Operator",
    "Refused",
    "Resolved",
    "Resumed",
    "RuleAdded",
    "Wrong",
    "announced",
    "described",
    "discard_announced",
    "letters",
    "named",
    "no_letter",
    "nothing",
    "outcome",
    "participle",
]
