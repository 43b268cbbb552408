"""A backlog only alerts: once when it becomes high, and once when it is normal again."""

from dataclasses import replace
from datetime import timedelta

from structlog.testing import capture_logs

from app.backlog import Alerts, high
from app.ledger import Census
from app.settings import DestinationSettings

ACCOUNT = DestinationSettings(
    id="kable", kind="kable", backlog_mark=100, backlog_age_mark=timedelta(minutes=5)
)
NOW = 1_700_000_000_000
NORMAL = Census(
    accepted=100,
    waiting=100,
    retrying=0,
    dead=0,
    unconfirmed=0,
    unmapped=0,
    delivered=0,
    skipped=0,
    discarded=0,
    oldest_ms=NOW - 300_000,
    pumps=0,
    held_until=None,
    failures=0,
    why="",
)
MANY = replace(NORMAL, waiting=1_101)
OLD = replace(NORMAL, oldest_ms=NOW - 360_000)


def test_a_backlog_is_high_when_too_many_wait_or_the_oldest_for_too_long() -> None:
    assert high(ACCOUNT, NORMAL, NOW) == ""
    assert high(ACCOUNT, MANY, NOW) == "1,101 wait; backlog_mark is 100"
    assert high(ACCOUNT, OLD, NOW) == "the oldest has waited for 6 min; backlog_age_mark is 5m"
    assert high(ACCOUNT, replace(NORMAL, waiting=0, oldest_ms=None), NOW) == ""


def test_what_is_crossed_is_said_once_and_once_more_when_it_is_over() -> None:
    alerts = Alerts()
    with capture_logs() as lines:
        for census in (NORMAL, MANY, MANY, OLD, NORMAL, NORMAL, MANY):
            alerts.look(ACCOUNT, census, NOW)
    told = [(line["event"], line["log_level"]) for line in lines]
    assert told == [
        ("backlog.high", "warning"),
        ("backlog.normal", "info"),
        ("backlog.high", "warning"),
    ]
