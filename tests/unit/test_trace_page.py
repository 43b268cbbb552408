"""A timeline tells how long after what each happening came, and for how long to follow it."""

import pytest

from app.console.pages.trace import MOVING_S, UNKNOWN_S, Step, again, steps
from app.timestamps import instant
from app.trace import Happening, Trace

HISTORY = (
    Happening(1_000, "accepted"),
    Happening(1_250, "attempted", 503, "Kable answered 503", 0.2),
    Happening(91_250, "due"),
)


def test_a_timeline_tells_each_happening_after_the_one_before() -> None:
    assert list(steps(HISTORY)) == [
        Step(instant(1_000), "", "accepted", ""),
        Step(
            instant(1_250), "+250 ms", "attempted, status 503, took 200 ms", "Kable answered 503"
        ),
        Step(instant(91_250), "+1 min 30 s", "due again", ""),
    ]


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        ([], UNKNOWN_S),
        ([Trace("a", "m", ("finished",)), Trace("b", "m", ("retrying",))], MOVING_S),
        ([Trace("a", "m", ("waiting", "finished"))], MOVING_S),
        ([Trace("a", "m", ("finished",)), Trace("b", "m", ("dead",))], None),
    ],
)
def test_what_still_moves_is_followed(found: list[Trace], seconds: float | None) -> None:
    assert again(found) == seconds
