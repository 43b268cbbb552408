"""The rival under the same load, weather and kills, and what its books say then."""

import base64
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import redis

from app.dev import Options, parts
from app.store import connect
from app.supervisor import Part
from tests.chaos import rival
from tests.chaos.kills import order
from tests.chaos.ledger import Books, verdict
from tests.chaos.load import Sent
from tests.chaos.plant import Plant, started
from tests.chaos.run import Asked, Found, Result, under_load
from tests.chaos.shown import PARTNERS, Shown
from tests.chaos.watch import LOOK_EVERY_S

KINDS = ("worker-parent", "worker-child", "store")
# After the last kill the visibility timeout has to pass, and Kombu looks only now and then.
DRAIN_WITHIN_S = rival.VISIBILITY_S + 120.0
QUEUE, IN_HAND = "celery", "unacked"
INGEST = "uvicorn --factory tests.chaos.rival:ingest --host 127.0.0.1 --loop uvloop"
WORKER = "celery --quiet -A tests.chaos.rival worker --loglevel WARNING --without-gossip"
WORKER += " --without-mingle"

Waits = Mapping[str, frozenset[str]]


def rival_parts(options: Options) -> Iterator[Part]:
    """Store and sandbox as the relay has them."""
    port = f"--port {options.ingest_port} --no-access-log --log-level warning"
    others = {"ingest": f"{INGEST} {port}", "worker": f"{WORKER} -c {options.workers}"}
    for part in parts(options, own_store=True):
        if part.name in ("store", "sandbox"):
            yield part
    for name, module in others.items():
        yield Part(name, (sys.executable, "-m", *module.split()))


def run_rival(asked: Asked, folder: Path, say: Callable[[str], None]) -> Result:
    """Run in an empty folder, which keeps the logs of all parts."""
    random, began = Random(asked.seed), time.monotonic()
    kills = order(asked.kinds, asked.kills, random)
    plant = Plant(folder, asked.workers, asked.away_s, system=rival_parts)
    plant.tell(_addresses(plant))
    with started(plant, plant.ready), connect(plant.store_url) as store:
        sent = under_load(plant, asked, kills, random, say)
        under_load_s = time.monotonic() - began
        say("the load has ended; waits for the drain")
        drained_s = _drained(store)
        waits = waiting(store)
        return Result(
            {name: _found(plant, sent, name, waits, drained_s) for name in PARTNERS},
            Counter(kills),
            sent,
            plant.deaths,
            plant.tracebacks(),
            (),
            plant.orphans,
            under_load_s,
        )


def waiting(store: redis.Redis) -> Waits:
    """The message ids that lie in the broker, by destination: queued or in someone's hand."""
    found: dict[str, set[str]] = {name: set() for name in PARTNERS}
    for task, message_id in _tasks(store):
        found[task].add(message_id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _tasks(store: redis.Redis) -> Iterator[tuple[str, str]]:
    queued = [json.loads(message) for message in store.lrange(QUEUE, 0, -1)]
    in_hand: list[Any] = [json.loads(message)[0] for message in store.hvals(IN_HAND)]
    for message in (*queued, *in_hand):
        [event], _, _ = json.loads(base64.b64decode(message["body"]))
        yield message["headers"]["task"].rpartition(".")[2], event["messageId"]


def _drained(store: redis.Redis) -> float | None:
    began = time.monotonic()
    while (took := time.monotonic() - began) < DRAIN_WITHIN_S:
        if not store.exists(QUEUE, IN_HAND):
            return took
        time.sleep(LOOK_EVERY_S)
    return None


def _found(plant: Plant, sent: Sent, name: str, waits: Waits, drained_s: float | None) -> Found:
    shown: Shown = PARTNERS[name](plant.sandbox_url, ())
    books = Books(
        confirmed=_bound(name, sent.confirmed),
        unconfirmed=_bound(name, sent.unconfirmed),
        billed=shown.billed,
        waiting=waits[name],
        duplicates=shown.duplicates,
    )
    return Found(verdict(books), books, 0, drained_s)


def _bound(name: str, events: Mapping[str, rival.Event]) -> frozenset[str]:
    """The message ids of the events that the rival has for a destination."""
    wanted = rival.for_kana if name == "kana" else _is_track
    return frozenset(id_ for id_, event in events.items() if wanted(event))


def _is_track(event: rival.Event) -> bool:
    return bool(event["type"] == "track")


def _addresses(plant: Plant) -> dict[str, str]:
    kable: Any = plant.settings.destinations["kable"]
    kana: Any = plant.settings.destinations["kana"]
    return {
        "RIVAL_BROKER_URL": plant.store_url,
        "RIVAL_KABLE_URL": kable.base_url,
        "RIVAL_KABLE_KEY": kable.api_key.get_secret_value(),
        "RIVAL_KABLE_CLIENT_ID": kable.kable_client_id,
        "RIVAL_KANA_URL": kana.base_url,
        "RIVAL_KANA_KEY": kana.api_key.get_secret_value(),
    }
