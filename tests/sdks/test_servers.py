"""Every call that a server's SDK makes arrives once, also when an answer is lost."""

import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.ingesting import Sender, counts, events
from tests.processes import wait_until
from tests.sdks.installed import found, node_modules, python_with
from tests.sdks.lossy import first_answer_lost

SENDERS = Path(__file__).parent / "senders"
TYPES = ["identify", "track", "page", "screen", "group", "alias"]
CALLS = 240

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(
    params=[
        "segment-analytics-python",
        "analytics-python",
        "rudder-sdk-python",
        "@segment/analytics-node",
    ]
)
def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A command that sends calls with this SDK."""
    calls = str(SENDERS / "calls.py")
    match request.param:
        case "segment-analytics-python":
            return [sys.executable, calls, "segment.analytics"]
        case "analytics-python":
            return [python_with("analytics-python"), calls, "analytics"]
        case "rudder-sdk-python":
            return [python_with("rudder-sdk-python"), calls, "rudderstack.analytics"]
        case _:
            (tmp_path / "node_modules").symlink_to(node_modules())
            (tmp_path / "calls.mjs").write_text((SENDERS / "calls.mjs").read_text())
            return [found("node"), str(tmp_path / "calls.mjs")]


def test_every_call_arrives_once(sdk: list[str], ingest: Sender, store: redis.Redis) -> None:
    subprocess.run([*sdk, ingest.address, str(CALLS)], check=True, timeout=30)
    wait_until(lambda: counts(store, "dev") == {"accepted": CALLS})
    assert_each_call_came_once(store)


def test_what_is_sent_again_for_want_of_an_answer_arrives_once(
    sdk: list[str], ingest: Sender, store: redis.Redis
) -> None:
    with first_answer_lost(ingest.address) as address:
        subprocess.run([*sdk, address, str(CALLS)], check=True, timeout=30)
    wait_until(lambda: counts(store, "dev").keys() == {"accepted", "deduplicated"})
    wait_until(lambda: counts(store, "dev")["accepted"] == CALLS)
    assert_each_call_came_once(store)


def assert_each_call_came_once(store: redis.Redis) -> None:
    came = [(event["type"], event["userId"]) for event in events(store)]
    made = [(TYPES[number % len(TYPES)], f"user-{number}") for number in range(CALLS)]
    assert sorted(came) == sorted(made)
    assert len({event["messageId"] for event in events(store)}) == CALLS
