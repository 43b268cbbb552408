"""Fills a store as months of trouble would: each list that operators see has its worst case."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec
import redis
import redis.asyncio

from app.actions import Actions
from app.append import Admission
from app.clock import milliseconds
from app.counters import Counters
from app.dead_letters import Filter
from app.delivery import Attempt
from app.flags import packed
from app.log import Log
from app.mapping import Rule
from app.moves import Head, Leased, Reading, Settlement
from app.outcome import Delivered, Flag
from app.replays import Replays
from app.settings import DestinationSettings
from app.verdict import buried_unsent, parked
from tests.retrying import put_off
from tests.told import Clock

KABLE = DestinationSettings(id="kable", kind="kable")
KANA = DestinationSettings(id="kana", kind="kana")
TOKEN = "loading"
LOADED = "loaded"
APPENDED_AT_ONCE = 1_000
SETTLED_AT_ONCE = 100
DAYS = 30
GROUPS = 1_010
SOURCES = ("web", "app", "billing")
EVENTS = ("Call", "Search", "Invoice Sent", "Message Sent", "Seat Added")
FAULTS = (
    ("rejected", 400, "Kable answered 400, clientId is unknown"),
    ("exhausted", 500, "Kable answered 500"),
    ("unconfirmed", None, "the answer did not come in time"),
)

Verdict = Callable[[Head], Settlement]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is loaded of what there may be many of."""

    letters: int = 1_000_000
    retries: int = 500_000
    unmapped: int = 50_000
    flags: int = 200_000
    actions: int = 1_000
    replays: int = 100


def load(store: redis.Redis, amounts: Amounts, say: Callable[[str], None]) -> None:
    """Fill a store through the scripts that pumps and operators use; what it has it keeps."""
    half, kana = amounts.retries // 2, Log(store, KANA)
    queued = (replace(_admission("q", n), user=f"q-{n // 5}") for n in range(half))
    phases: dict[str, Callable[[], object]] = {
        f"{amounts.letters:,} dead letters": lambda: _bury(store, amounts.letters),
        f"{half:,} retries": lambda: put_off(
            Log(store, KABLE), (_admission("r", n) for n in range(half))
        ),
        f"{half:,} retries of users in order": lambda: put_off(kana, queued, ordered=True),
        f"{amounts.unmapped:,} unmapped": lambda: _settled(
            kana, (_admission("n", n) for n in range(amounts.unmapped)), parked
        ),
        f"{amounts.flags:,} flags": lambda: _settled(
            kana, (_admission("f", n) for n in range(amounts.flags)), _flagged
        ),
        "rules, actions, replays": lambda: _decide(store, kana, amounts),
        "rejections": lambda: asyncio.run(_refuse(store)),
    }
    for name, phase in phases.items():
        if not store.sismember(LOADED, name):
            say(name)
            phase()
            store.sadd(LOADED, name)


def _decide(store: redis.Redis, kana: Log, amounts: Amounts) -> None:
    for number in range(20):
        kana.rules.add(Rule(id=f"rule-{number}", feature="seats", event=f"Seat {number}"))
    for number in range(amounts.actions):
        Actions(store, KABLE.id).record("ann", "discarded", number, "dead letters: all")
    _replay(store, amounts.replays)


async def _refuse(store: redis.Redis) -> None:
    """What sources sent and ingest refused, under many codes."""
    port = store.connection_pool.connection_kwargs["port"]
    async with redis.asyncio.Redis(port=port) as asynchronous:
        await _refused(Counters(asynchronous))


async def _refused(counters: Counters) -> None:
    for source in SOURCES:
        counters.count(source, "accepted", 1_000_000)
        for number in range(20):
            sample = {"messageId": "m", "event": "x" * 1_000}
            for _ in range(10):
                counters.refused(source, f"code_{number}", sample, 10)
    await counters.flush()


def _bury(store: redis.Redis, number: int) -> None:
    """Letters as a month buries them; the newest come last."""
    clock = Clock()
    length = DAYS * 86_400_000
    begin = milliseconds() - length - 60_000
    log = Log(store, KABLE, clock)
    for first in range(0, number, APPENDED_AT_ONCE):
        clock.now = begin + length * first // number
        last = min(number, first + APPENDED_AT_ONCE)
        _settled(log, (_admission("m", n) for n in range(first, last)), _buried)


def _settled(log: Log, admissions: Iterator[Admission], verdict: Verdict) -> None:
    """Append all and settle each by its verdict."""
    while some := [one for _, one in zip(range(APPENDED_AT_ONCE), admissions, strict=False)]:
        log.append(some)
        leased = log.lease(TOKEN, log.layout.partitions)
        assert isinstance(leased, Leased)
        readings = [Reading(p, "", APPENDED_AT_ONCE, 0) for p in leased.partitions]
        settlements = [verdict(head) for head in log.heads(TOKEN, readings).heads]
        for n in range(0, len(settlements), SETTLED_AT_ONCE):
            log.settle(TOKEN, n + 1, settlements[n : n + SETTLED_AT_ONCE])
        log.release(TOKEN)


def _admission(kind: str, number: int) -> Admission:
    """One user in twenty has many, the others have one each; one event in 100,000 is rare."""
    user = "u-many" if number % 20 == 3 else f"u-{number}"
    name = "Rare" if number % 100_000 == 7 else EVENTS[number % len(EVENTS)]
    event = {
        "type": "track",
        "event": name,
        "messageId": f"{kind}-{number}",
        "userId": user,
        "timestamp": "2026-05-06T07:08:09.123Z",
        "properties": {"delta": number % 50, "plan": "team", "path": f"/x/{number % 900}"},
        "context": {"library": {"name": "analytics-node", "version": "3.1.0"}, "ip": "::1"},
    }
    return Admission(
        f"{kind}-{number}", SOURCES[number % 3], user, json.dumps(event).encode(), bulk=False
    )


def _buried(head: Head) -> Settlement:
    number = int(head.delivery.id.partition("-")[2])
    reason, status, message = _fault(number)
    sent = f"POST /api/v1/events/create\n\n{head.delivery.event.decode()}"
    tried = Attempt(head.delivery.accepted_at, status, message, 80, sent, '{"message": "no"}')
    delivery = msgspec.structs.replace(head.delivery, attempts=(tried,))
    return buried_unsent(replace(head, delivery=delivery), reason, message, milliseconds())


def _fault(number: int) -> tuple[str, int | None, str]:
    """Most fail alike: one in ten for a reason that few have."""
    if number % 10 == 0:
        return "rejected", 422, f"nobody knows the field {_word(number // 10 % GROUPS)}"
    if number % 10_000 == 5:
        return "poison", None, "three workers died with it"
    return FAULTS[0 if number % 10 < 8 else number % 10 - 7]


def _word(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _flagged(head: Head) -> Settlement:
    flag = Flag("plan", "Kana's API sets no plan", "set it in Kana", "team", "free")
    return Settlement(head, "delivered", payload=packed(head.delivery, Delivered(flags=(flag,))))


def _replay(store: redis.Redis, number: int) -> None:
    replays = Replays(store, KABLE)
    for _ in range(number):
        begun = replays.begin(Filter(reason="poison"), 1, "ann")
        replays.cancel(begun.id)
