"""A short form of `make chaos`: kills lose nothing, strand nothing and bill nothing twice."""

from pathlib import Path

import pytest

from tests.chaos.kills import KINDS
from tests.chaos.run import Asked, run

SEED = 20


@pytest.mark.timeout(180)
def test_whoever_is_killed_nothing_is_lost_stuck_or_billed_twice(tmp_path: Path) -> None:
    asked = Asked(seed=SEED, kinds=KINDS, kills=1, rate=200, workers=1, pause_s=0.5, sky="storm")
    result = run(asked, tmp_path, print)
    assert result.summary == "chaos: lost 0, stuck 0, billed twice 0"
    assert result.sent.confirmed
    assert (result.leftovers, result.orphans) == ([], 0)
