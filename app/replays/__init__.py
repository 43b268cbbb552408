"""Replays: dead letters sent through transform again, at a pace, by an operator's decision."""

from app.replays.kept import BadRate, NothingIsSent, ReplayRunning, Replays
from app.replays.replay import RATE_MAX, Replay, State, default_rate
from app.replays.step import News
from app.replays.survey import IDS_MAX, UNCONFIRMED, Chosen, Survey, TooManyIds

__all__ = [
    "IDS_MAX",
    "RATE_MAX",
    "UNCONFIRMED",
    "BadRate",
    "Chosen",
    "News",
    "NothingIsSent",
    "Replay",
    "ReplayRunning",
    "Replays",
    "State",
    "Survey",
    "TooManyIds",
    "default_rate",
]
