"""Dead letters: deliveries that wait for an operator's decision."""

from app.dead_letters.burial import Burial
from app.dead_letters.edit import BadPayload, edited, message_id
from app.dead_letters.filter import BadFilter, Filter
from app.dead_letters.found import Group, Look, Opened, Page, merged
from app.dead_letters.index import Buried
from app.dead_letters.kept import (
    BuriedAgain,
    Changed,
    DeadLetters,
    End,
    unheard,
)
from app.dead_letters.letters import Letter, decode, encode, letter
from app.dead_letters.neighbours import Neighbours, neighbours
from app.dead_letters.reindexing import Reindexing
from app.dead_letters.trends import trends

__all__ = [
    "BadFilter",
    "BadPayload",
    "Burial",
    "Buried",
    "BuriedAgain",
    "Changed",
    "DeadLetters",
    "End",
    "Filter",
    "Group",
    "Letter",
    "Look",
    "Neighbours",
    "Opened",
    "Page",
    "Reindexing",
    "decode",
    "edited",
    "encode",
    "letter",
    "merged",
    "message_id",
    "neighbours",
    "trends",
    "unheard",
]
