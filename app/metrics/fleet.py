"""How the whole fleet stands, read in a few round trips whose cost does not grow with events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from app import figures, presence, settled, throttle
from app.counters import Tally, tally
from app.figures import Figures
from app.keys import destination_key
from app.ledger import census
from app.overview import orphans
from app.replays import Replay, Replays
from app.scripts import Scripts
from app.settings import DestinationSettings, Settings
from app.settled import Latency
from app.standing import Standing
from app.wake import queue_name

PACE_OF_SETTLEMENTS = 20
MICROSECONDS = 1_000
QUESTIONS = 8

Answers = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One destination; `now` and other moments are in ms since the epoch.

    `pace` is how many deliveries were finished a second lately; None before the first. `replay` is
    the newest one.
    """

    now: int
    standing: Standing
    reasons: Mapping[str, int]
    unmapped_since: int | None
    pace: float | None
    replay: Replay | None
    figures: Figures

    @property
    def id(self) -> str:
        return self.standing.account.id


@dataclass(frozen=True, slots=True)
class Kept:
    """The store itself; `memory_max` is 0 for none, `fsync` empty where CONFIG is forbidden."""

    memory_used: int
    memory_max: int
    evicts: bool
    aof: bool
    writes: bool
    fsync: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything at one moment; `queues` tells of each whether a worker consumes it.

    `workers` tells how many processes each has, `ticked_at` when beat ticked, None for not within
    a day.
    """

    now: int
    sources: Mapping[str, Tally]
    destinations: tuple[Seen, ...]
    queues: Mapping[str, bool]
    workers: Mapping[str, int]
    wanted_processes: int
    ticked_at: int | None
    store: Kept


def fleet(store: redis.Redis, settings: Settings, now: int) -> Fleet:
    """Read it all. Raises redis.RedisError unless the store answers everything."""
    since = presence.alive_since(now)
    served = presence.live_queues(store, since)
    accounts = settings.destinations.values()
    return Fleet(
        now,
        {source: tally(store, source) for source in settings.sources},
        tuple(_destinations(store, settings, served, now)),
        {name: name in served for name in sorted({queue_name(one.queue) for one in accounts})},
        presence.live_workers(store, since),
        sum(account.pumps for account in accounts),
        presence.last_tick(store),
        _kept(store),
    )


def _destinations(
    store: redis.Redis, settings: Settings, served: frozenset[str], now: int
) -> Iterator[Seen]:
    """Those that the settings name, then the orphans that hold something."""
    named = list(settings.destinations.values())
    accounts = [*named, *orphans(store, settings)]
    for account, answers in zip(accounts, _answers(store, accounts, now), strict=True):
        configured = account.id in settings.destinations
        seen = _seen(store, account, answers, now, served if configured else None)
        if configured or _holds(seen):
            yield seen


def _answers(
    store: redis.Redis, accounts: Sequence[DestinationSettings], now: int
) -> list[Answers]:
    """What the store says of each destination, asked at once; nothing is created by asking."""
    kept = store.pipeline(transaction=False)
    for account in accounts:
        kept.hget(destination_key(account.id, "meta"), "partitions")
    sizes = kept.execute()
    pipe = store.pipeline(transaction=False)
    for account, partitions in zip(accounts, sizes, strict=True):
        _ask(pipe, account, 2 * int(partitions or account.partitions), now)
    answers = pipe.execute()
    return [answers[begin : begin + QUESTIONS] for begin in range(0, len(answers), QUESTIONS)]


def _ask(pipe: redis.client.Pipeline, account: DestinationSettings, total: int, now: int) -> None:
    """As many QUESTIONS, in the order in which `_seen` takes the answers."""
    scripts = Scripts(pipe, account.id, lambda: now)
    scripts.run("census", total)
    scripts.run("state", "" if account.rate is None else account.rate)
    pipe.hgetall(destination_key(account.id, "dead:reasons"))
    pipe.zrange(destination_key(account.id, "unmapped:at"), 0, 0, withscores=True)
    pipe.lrange(destination_key(account.id, "settled"), 0, PACE_OF_SETTLEMENTS - 1)
    pipe.zrange(destination_key(account.id, "replays"), -1, -1)
    pipe.hgetall(destination_key(account.id, "figures"))
    pipe.hgetall(destination_key(account.id, "counts"))


def _seen(
    store: redis.Redis,
    account: DestinationSettings,
    answers: Answers,
    now: int,
    served: frozenset[str] | None,
) -> Seen:
    """`served` are the queues that workers consume; None for an orphan."""
    counted, state, reasons, unmapped, finished, replays, found, ledger = answers
    standing = Standing(
        account,
        census(counted),
        throttle.decode(state),
        Latency(None, None),
        served=served is not None and queue_name(account.queue) in served,
        configured=served is not None,
    )
    return Seen(
        now,
        standing,
        {name.decode(errors="replace"): int(count) for name, count in sorted(reasons.items())},
        int(unmapped[0][1]) // MICROSECONDS if unmapped else None,
        settled.pace(finished, now),
        Replays(store, account).one(replays[0].decode()) if replays else None,
        figures.decode(found, ledger),
    )


def _holds(orphan: Seen) -> bool:
    held = orphan.standing.census
    return bool(held.waiting or held.retrying or held.dead or held.unmapped)


def _kept(store: redis.Redis) -> Kept:
    memory = cast("Mapping[str, Any]", store.info("memory"))
    disk = cast("Mapping[str, Any]", store.info("persistence"))
    return Kept(
        int(memory["used_memory"]),
        int(memory.get("maxmemory", 0)),
        evicts=memory.get("maxmemory_policy", "noeviction") != "noeviction",
        aof=bool(disk.get("aof_enabled")),
        writes=disk.get("aof_last_write_status", "ok") == "ok",
        fsync=_fsync(store),
    )


def _fsync(store: redis.Redis) -> str:
    try:
        return str(store.config_get("appendfsync").get("appendfsync", ""))
    except redis.ResponseError:
        return ""
