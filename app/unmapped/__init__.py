"""Unmapped events: what no rule maps yet, kept until one does."""

from app.unmapped.groups import EventGroup, Groups, PropertyGroup
from app.unmapped.kept import Page, Parked, Trial, UnmappedEvents
from app.unmapped.remapping import News, Remapping, Run

__all__ = [
    "EventGroup",
    "Groups",
    "News",
    "Page",
    "Parked",
    "PropertyGroup",
    "Remapping",
    "Run",
    "Trial",
    "UnmappedEvents",
]
