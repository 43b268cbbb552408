"""The clock jumps an hour ahead and an hour back, between pumps and in the midst of a lease.

Covered: log, throttle and pump with their scripts, on a clock that is told the time. Not covered:
the clocks of processes (ingest's stamps, the expiry of wakes), which need the machine's own.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import redis
from pydantic import SecretStr

from app.append import Admission
from app.client import Client
from app.destinations import KINDS
from app.destinations.kana import KanaAccount
from app.lane import Lane
from app.log import Log
from app.pump import Pump
from app.store import connect
from app.throttle import Throttle
from app.wake import Wakes
from tests.chaos import audit
from tests.chaos.ledger import verdict
from tests.chaos.shown import PARTNERS
from tests.chaos.soak.scene import Ending, Say, wrong
from tests.chaos.weather import answer_with
from tests.processes import free_port, sandbox, store_answers, valkey, wait_until
from tests.told import Clock

HOUR_MS = 3_600_000
# Longer than the longest hold after a failure.
PATIENCE_MS = 70_000
# Two hours on the told clock: what was put off before the clock was set back is then due.
STEPS_MAX = 110
ROUNDS = 12
USERS = 5
EACH_ROUND = 20


def clock(folder: Path, say: Say, rounds: int = ROUNDS) -> Ending:
    """Pumps run, die with their leases and find failures while the clock jumps between them."""
    folder.mkdir(parents=True)
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with valkey(port, folder) as server, sandbox() as address:
        try:
            wait_until(lambda: store_answers(url))
            with connect(url) as store:
                faults = [*_throttled(store), *_pumped(store, url, f"{address}/kana", rounds, say)]
        finally:
            server.kill()
    return Ending(tuple(faults), {"jumps": rounds})


def _throttled(store: redis.Redis) -> Iterator[str]:
    """The rate goes on within a second of a jump, and no jump earns more than the burst."""
    told = Clock()
    account = KanaAccount(id="paced", api_key=SecretStr("prv_test_0"), rate=10, burst=5)
    throttle = Throttle(store, account, told)
    for jump in (HOUR_MS, -HOUR_MS, -HOUR_MS, HOUR_MS):
        throttle.take(50)
        told.now += jump
        at_once = throttle.take(50).granted
        told.now += 1000
        later = throttle.take(50).granted
        if at_once > account.burst or not later:
            yield f"after a jump of {jump:+,} ms: {at_once} at once, {later} a second later"


def _pumped(store: redis.Redis, url: str, kana: str, rounds: int, say: Say) -> Iterator[str]:
    told, random = Clock(), Random(rounds)
    account = KanaAccount(id="kana", base_url=kana, api_key=SecretStr("prv_test_0"))
    log = Log(store, account, told)
    sent: list[dict[str, object]] = []
    with closing(Client(KINDS["kana"], account)) as client:
        lane = Lane(
            KINDS["kana"], account, log, Throttle(store, account, told), client, Wakes(url)
        )
        for number in range(rounds):
            events = [_event(len(sent) + n) for n in range(1, EACH_ROUND + 1)]
            sent += events
            log.append([_admission(event) for event in events])
            if number % 2:
                log.lease(f"dead-{number}", log.layout.partitions)
            if number % 3 == 0:
                answer_with(kana.removesuffix("/kana"), "kana", {"status": 503, "times": 1})
            jump = random.choice((HOUR_MS, -HOUR_MS, 1000))
            told.now += jump
            log.sweep()
            Pump(lane, token=f"pump-{number}", clock=told).run()
            say(f"{jump / 1000:+.0f} s, then {log.census().waiting} wait")
        steps = _drained(lane, told)
    say(f"drained after {steps * PATIENCE_MS / 1000:.0f} s on the told clock")
    show = partial(PARTNERS["kana"], kana.removesuffix("/kana"), sent)
    if log.sweep():
        yield "expected nothing to sweep when all is drained"
    found = verdict(audit.books(store, log, "kana", {str(e["messageId"]) for e in sent}, show))
    # What a jump made unready was swept, and counted, as the tick does.
    yield from wrong(replace(found, swept=0))


def _drained(lane: Lane, told: Clock) -> int:
    """How many steps of the clock it took until nothing waited."""
    for step in range(STEPS_MAX):
        lane.log.sweep()
        Pump(lane, token=f"last-{step}", clock=told).run()
        census = lane.log.census()
        if census.waiting == census.retrying == 0:
            return step
        told.now += PATIENCE_MS
    return STEPS_MAX


def _event(number: int) -> dict[str, object]:
    return {
        "type": "track",
        "event": "API Called",
        "messageId": str(number),
        "userId": f"user-{number % USERS}",
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {"featureId": "calls", "delta": number},
    }


def _admission(event: dict[str, object]) -> Admission:
    return Admission(
        str(event["messageId"]), "dev", str(event["userId"]), json.dumps(event).encode()
    )
