"""The two systems that are measured: what they run, and the sizes that suit each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.keys import destination_key
from bench.events import WRITE_KEY

KANA_KEY = "prv_test_00000000000000000000000000000000"
API_KEY = "sk_test.bench.00000000000000000000000000000000"
CLIENT_ID = "kci_00000000000000000000000000000000"
WORKER = "worker --loglevel WARNING --without-gossip --without-mingle --concurrency 2"

CONFIGURATION = f"""\
store_url = "{{store}}"
environment = "development"

[sources.bench]
write_key = "{WRITE_KEY}"
destinations = {{destinations}}

[destinations.kable]
kind = "kable"
base_url = "{{kable}}"
api_key = "{API_KEY}"
kable_client_id = "{CLIENT_ID}"
"""
KANA = f"""
[destinations.kana]
kind = "kana"
base_url = "{{kana}}"
api_key = "{KANA_KEY}"
accept_everysec = true
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Events of each measurement; the steady one runs at `rates` (events/s), so long at each."""

    single: int
    backlog: int
    sustained: int
    rates: tuple[int, ...]
    steady_s: int


@dataclass(frozen=True, slots=True)
class System:
    """A system: its ingest for uvicorn, its other parts as `python -m` takes them.

    While any of `busy` exists in the store, not all is delivered or someone still works.
    `digests` is the pattern of the keys that recognise duplicates.
    """

    name: str
    ingest: str
    parts: Mapping[str, str]
    busy: tuple[str, ...]
    digests: str
    full: Sizes
    quick: Sizes


RELAY = System(
    name="relay",
    ingest="app.ingest:application",
    parts={
        "worker": f"celery --quiet -A workers {WORKER}",
        "beat": "celery --quiet -A workers beat --loglevel WARNING",
    },
    busy=(destination_key("kable", "ready"), destination_key("kable", "pumps")),
    digests=destination_key("kable", "seen:") + "*",
    full=Sizes(single=20_000, backlog=60_000, sustained=60_000, rates=(200, 1_000), steady_s=7),
    quick=Sizes(single=10_000, backlog=30_000, sustained=30_000, rates=(200, 1_000), steady_s=3),
)
RIVAL = System(
    name="rival",
    ingest="bench.rival:ingest",
    parts={"worker": f"celery --quiet -A bench.rival {WORKER}"},
    busy=("celery", "unacked"),
    digests="",
    full=Sizes(single=2_000, backlog=2_000, sustained=2_000, rates=(200,), steady_s=5),
    quick=Sizes(single=1_000, backlog=1_000, sustained=1_000, rates=(200,), steady_s=3),
)


def environment(folder: Path, store: str, kable: str, kana: str = "") -> dict[str, str]:
    """What tells either system where the store and Kable are, and Kana where that is wanted.

    Writes relay.toml.
    """
    configuration = folder / "relay.toml"
    destinations = '["kable", "kana"]' if kana else '["kable"]'
    written = CONFIGURATION.format(store=store, kable=kable, destinations=destinations)
    configuration.write_text(written + (KANA.format(kana=kana) if kana else ""))
    return {
        "RELAY_CONFIG": str(configuration),
        "RIVAL_BROKER_URL": store,
        "RIVAL_KABLE_URL": kable,
        "RIVAL_KABLE_KEY": API_KEY,
        "RIVAL_KABLE_CLIENT_ID": CLIENT_ID,
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
    }
