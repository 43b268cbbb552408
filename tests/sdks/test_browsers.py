"""Every call that the browser's SDK makes on a page of another origin arrives once."""

from collections import Counter
from pathlib import Path

import pytest
import redis

from tests.ingesting import Sender, counts, events
from tests.processes import wait_until
from tests.sdks.browser import page, shown
from tests.sdks.lossy import first_answer_lost

CALLS = 30
STANDARD = "{}"
BATCHING = "{strategy: 'batching', config: {size: 7, timeout: 200}}"
LONG_BATCHING = "{strategy: 'batching', config: {size: 1000, timeout: 600000}}"
LOADED = """
import {{ AnalyticsBrowser }} from "@segment/analytics-next"
const analytics = AnalyticsBrowser.load(
  {{writeKey: "dev", cdnURL: "{address}"}},
  {{integrations: {{"Segment.io": {{deliveryStrategy: {strategy}}}}}}},
)
await analytics
"""
TRACKS = f"""
const calls = []
for (let number = 0; number < {CALLS}; number++) calls.push(analytics.track("Call", {{number}}))
"""
ONE_OF_EACH = """
await analytics.identify("customer-1", {plan: "pro"})
await analytics.track("API Called", {calls: 3})
await analytics.page("Guide", "Start")
await analytics.screen("App", "Home")
await analytics.group("team-1", {plan: "pro"})
await analytics.alias("customer-2")
"""
EACH_TAKEN = "await Promise.all(calls)\n"
LEAVE = "location.href = '/next.html'"

pytestmark = pytest.mark.timeout(120)
either_strategy = pytest.mark.parametrize(
    "strategy", [STANDARD, BATCHING], ids=["standard", "batching"]
)


def loaded(address: str, strategy: str) -> str:
    return LOADED.format(address=address, strategy=strategy)


@either_strategy
def test_calls_of_every_type_arrive_once(
    strategy: str, ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    script = loaded(ingest.address, strategy) + ONE_OF_EACH
    with shown(tmp_path, start=page(script)):
        wait_until(lambda: counts(store, "dev") == {"accepted": 6})
    types = [event["type"] for event in events(store)]
    assert sorted(types) == ["alias", "group", "identify", "page", "screen", "track"]


@either_strategy
def test_what_is_sent_again_for_want_of_an_answer_arrives_once(
    strategy: str, ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    with first_answer_lost(ingest.address) as address:
        script = loaded(address, strategy) + TRACKS
        with shown(tmp_path, start=page(script)):
            wait_until(lambda: counts(store, "dev").keys() == {"accepted", "deduplicated"})
            wait_until(lambda: counts(store, "dev")["accepted"] == CALLS)
    assert_each_call_came_once(store)


def test_a_page_that_is_left_sends_what_waits_for_its_batch(
    ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    script = loaded(ingest.address, LONG_BATCHING) + TRACKS + EACH_TAKEN + LEAVE
    with shown(tmp_path, start=page(script), next="<!doctype html>"):
        wait_until(lambda: counts(store, "dev") == {"accepted": CALLS})
    assert_each_call_came_once(store)


def test_what_a_left_page_could_not_send_arrives_from_the_next_one(
    ingest: Sender, store: redis.Redis, tmp_path: Path
) -> None:
    script = loaded(ingest.address, STANDARD)
    with shown(tmp_path, start=page(script + TRACKS + LEAVE), next=page(script)):
        wait_until(lambda: counts(store, "dev").get("accepted") == CALLS)
    assert_each_call_came_once(store)


def assert_each_call_came_once(store: redis.Redis) -> None:
    numbers = Counter(event["properties"]["number"] for event in events(store))
    assert numbers == Counter(range(CALLS))
