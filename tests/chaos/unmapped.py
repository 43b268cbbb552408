"""A new rule over much that is unmapped, killed half way: `python -m tests.chaos.unmapped`.

Beat and a process of a worker die. Every event that the rule maps is one usage; what a killed
process was sending is `unconfirmed`.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import redis
import requests

from app.append import Admission
from app.delivery import decode
from app.destinations import KINDS
from app.keys import destination_key
from app.log import Log
from app.mapping import Rule
from app.settings import DestinationSettings
from app.store import connect
from app.unmapped import Remapping, Run
from tests.chaos.kills import Killer
from tests.chaos.plant import Plant, running
from tests.processes import wait_until

KANA = "kana"
KILLED = ("beat", "worker-child")
APPENDED_AT_ONCE = 1_000
WITHIN_S = 900.0


@dataclass(frozen=True, slots=True)
class Result:
    """How many usages there are, and users whose usage is missing, twice or not theirs."""

    usages: int
    unconfirmed: int
    missing: int
    twice: int
    strange: int
    unmapped: int
    unaccounted: int

    def is_good(self, number: int) -> bool:
        wrong = self.missing, self.twice, self.strange, self.unaccounted
        return not any(wrong) and self.unmapped == number - number // 2


def run(folder: Path, number: int) -> Result:
    """Park so many events, map every other one, kill half way, count."""
    with running(folder, workers=2, told={"RELAY_DESTINATIONS__kana__RATE": "1000"}) as plant:
        account = plant.settings.destinations[KANA]
        with connect(plant.store_url) as store:
            log = Log(store, account)
            for first in range(0, number, APPENDED_AT_ONCE):
                last = min(number, first + APPENDED_AT_ONCE)
                log.append([_event(n) for n in range(first, last)])
            wait_until(lambda: log.census().unmapped == number, within=WITHIN_S)
            log.rules.add(Rule(id="calls", feature="calls", event="Call"))
            remapping = Remapping(store, KINDS[KANA], account)
            wait_until(lambda: _taken(remapping) >= number // 4, within=WITHIN_S)
            Killer(plant, Random(1)).run(KILLED, lambda: 0.0, print)
            wait_until(lambda: _is_over(remapping.run()), within=WITHIN_S)
            return _counted(plant, store, account, number)


def _event(number: int) -> Admission:
    event = {
        "messageId": f"m-{number}",
        "type": "track",
        "userId": f"u-{number}",
        "event": "Call" if number % 2 else "Other",
    }
    return Admission(f"m-{number}", "dev", f"u-{number}", json.dumps(event).encode())


def _taken(remapping: Remapping) -> int:
    newest = remapping.run()
    return newest.taken if newest else 0


def _is_over(newest: Run | None) -> bool:
    return newest is not None and newest.state == "done" and newest.under_way == 0


def _counted(
    plant: Plant, store: redis.Redis, account: DestinationSettings, number: int
) -> Result:
    answer = requests.get(f"{plant.sandbox_url}/kana/_usage", timeout=60).json()
    used = Counter(str(one["userId"]) for one in answer["items"])
    dead = store.hvals(destination_key(account.id, "dead:deliveries"))
    doubtful = {decode(one).user for one in dead}
    expected = {f"u-{n}" for n in range(1, number, 2)}
    census = Log(store, account).census()
    return Result(
        usages=used.total(),
        unconfirmed=census.unconfirmed,
        missing=len(expected - used.keys() - doubtful),
        twice=sum(count > 1 for count in used.values()),
        strange=len((used.keys() | doubtful) - expected),
        unmapped=census.unmapped,
        unaccounted=census.unaccounted,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.unmapped", description=__doc__)
    parser.add_argument("--number", type=int, default=50_000, help="of unmapped events")
    number = parser.parse_args().number
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), number)
    print(result)
    return 0 if result.is_good(number) else 1


if __name__ == "__main__":
    sys.exit(main())
