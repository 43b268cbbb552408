"""Short forms of `make soak`: what goes wrong for longer loses and strands nothing either."""

from pathlib import Path

import pytest

from tests.chaos.soak.answers import answers
from tests.chaos.soak.arrivals import excess, out_of_order
from tests.chaos.soak.clock import clock
from tests.chaos.soak.down import down


@pytest.mark.timeout(120)
def test_a_destination_that_is_down_gets_probes_only_and_then_all_in_order(tmp_path: Path) -> None:
    ending = down(tmp_path / "down", print, seconds=1, names=("kana",), judge_pace=False)
    assert ending.faults == ()


@pytest.mark.timeout(120)
def test_an_answer_that_makes_no_sense_is_named_and_loses_nothing(tmp_path: Path) -> None:
    assert answers(tmp_path / "answers", print, seconds=1, wanted=["no JSON"]).faults == ()


def test_whatever_the_clock_does_nothing_is_lost_or_sent_twice(tmp_path: Path) -> None:
    assert clock(tmp_path / "clock", print, rounds=3).faults == ()


def test_what_comes_faster_than_its_rate_is_measured_in_the_worst_window() -> None:
    assert excess([0, 1, 2, 3], rate=1) == 1
    assert excess([0, 5, 5, 5, 9], rate=1) == 3


def test_an_event_that_comes_after_a_later_one_of_its_user_is_named() -> None:
    body = '[{"clientId": "ann", "transactionId": "%d"}]'
    requests = [{"path": "/events/create", "body": body % number} for number in (2, 1, 1, 3)]
    assert list(out_of_order("kable", requests)) == ["1"]
