"""What is found of the parts that a delivery needs, and what to do about it. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from app.append import MEMORY_MARK
from app.destination import Answer, Next, Reply
from app.destinations import KINDS
from app.outcome import Delivered, Outcome, Skipped, Unavailable
from app.readiness import NO_BEAT
from app.settings import DestinationSettings, OperatorSettings
from app.standing import Standing, resumption, state
from app.wake import queue_name

VERSION_MIN = 7
TOKEN_MIN = 16
MEMORY_NEAR = 0.75
CLOCKS_APART_MAX_S = 5
TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS
SERVER_FAULTS = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part was found, and what to do when it is not as it should be."""

    part: str
    state: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


def version(info: Mapping[str, object]) -> Finding:
    """Valkey names its own version beside the version of Redis that it resembles."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    found = str(info.get("valkey_version") or info.get("redis_version") or "unknown")
    major = found.partition(".")[0]
    if major.isdecimal() and int(major) >= VERSION_MIN:
        return Finding("store", "ok", f"{name} {found}")
    advice = f"use Redis {VERSION_MIN} or Valkey {VERSION_MIN}, or newer"
    return Finding("store", "failed", f"{name} {found} is too old", advice)


def persistence(info: Mapping[str, object], fsync: str | None) -> Iterator[Finding]:
    """What a crash of the store can lose; `fsync` is None where CONFIG is forbidden."""
    part, advice = "durability", "set appendonly yes and appendfsync always in the store"
    if not info.get("aof_enabled"):
        found = "appendonly no: a restart of the store loses accepted events"
        yield Finding(part, "failed", found, advice)
    elif info.get("aof_last_write_status") not in (None, "ok"):
        yield Finding(part, "failed", "the store cannot write to disk", "free its disk")
    elif fsync is None:
        found = "appendonly yes; CONFIG is forbidden, so appendfsync is not known"
        ask = "ask your provider for appendfsync; below always, a crash loses accepted events"
        yield Finding(part, "warning", found, ask)
    elif fsync == "always":
        yield Finding(part, "ok", "appendonly yes, appendfsync always: accepted is on disk")
    elif fsync == "everysec":
        found = "appendfsync everysec: a crash loses what was accepted in the last 1 to 2 s"
        yield Finding(part, "warning", found, advice)
    else:
        found = f"appendfsync {fsync}: a crash loses what was accepted in the last 30 s or more"
        yield Finding(part, "failed", found, advice)


def forgetfulness(accounts: Iterable[DestinationSettings], fsync: str | None) -> Iterator[Finding]:
    """The destinations that a store which forgets makes bill twice, where that is not accepted."""
    for account in accounts:
        accepted = KINDS[account.kind].repeatable or getattr(account, "accept_everysec", False)
        if fsync != "always" and not accepted:
            found = f"appendfsync {fsync or 'unknown'}: a store that crashes may forget that a "
            found += "usage was sent, which then goes out again and is billed twice"
            advice = "set appendfsync always in the store, or accept it with "
            advice += f"destinations.{account.id}.accept_everysec = true"
            yield Finding(f"destination {account.id}", "failed", found, advice)


def eviction(info: Mapping[str, object]) -> Finding:
    policy = info.get("maxmemory_policy")
    if policy == "noeviction":
        return Finding("memory", "ok", "maxmemory-policy noeviction")
    found = f"maxmemory-policy {policy}: a full store deletes accepted events"
    return Finding("memory", "failed", found, "set maxmemory-policy noeviction in the store")


def memory(info: Mapping[str, object]) -> Iterator[Finding]:
    """Whether ingest stops taking events before the store is full, and how near that is."""
    limit, used = int(str(info.get("maxmemory", 0))), int(str(info.get("used_memory", 0)))
    if not limit:
        found = "maxmemory is not set: the system may kill a store that outgrows the machine"
        yield Finding("memory", "warning", found, "set maxmemory below the machine's memory")
        return
    share, mark = used / limit, f"ingest answers 503 above {MEMORY_MARK:.0%}"
    found = f"{share:.0%} of maxmemory used; {mark}"
    advice = "let destinations drain, decide on dead letters, or raise maxmemory"
    if share > MEMORY_MARK:
        yield Finding("memory", "failed", found, advice)
    elif share > MEMORY_NEAR:
        yield Finding("memory", "warning", found, advice)
    else:
        yield Finding("memory", "ok", found)


def replication(info: Mapping[str, object]) -> Iterator[Finding]:
    """What a fail-over can lose."""
    if info.get("role") == "slave":
        found = "this store is a replica, which takes no events"
        yield Finding("store", "failed", found, "name its primary in store_url")
    elif info.get("connected_slaves"):
        found = "it has replicas: a fail-over loses what was accepted and not copied yet"
        advice = "fail over to a replica only when the primary cannot come back"
        yield Finding("durability", "warning", found, advice)


def clock(store_ms: int, here_ms: int) -> Iterator[Finding]:
    """Nothing while the clocks of the store and of this machine agree."""
    apart_s = abs(store_ms - here_ms) / 1000
    if apart_s > CLOCKS_APART_MAX_S:
        found = f"the store's clock and this machine's are {apart_s:,.0f} s apart"
        yield Finding("clock", "warning", found, "let both follow NTP")


def workers(
    accounts: Collection[DestinationSettings], served: Collection[str], processes: int
) -> Iterator[Finding]:
    """Whether somebody consumes every queue, with as many processes as pumps may run."""
    for queue in sorted({queue_name(account.queue) for account in accounts} - set(served)):
        found = f"no worker consumes the queue {queue}"
        yield Finding("workers", "failed", found, "start a worker: see Procfile")
    pumps = sum(account.pumps for account in accounts)
    if 0 < processes < pumps:
        found = f"{processes} processes for {pumps} pumps: they wait for one another"
        advice = "raise --concurrency of the workers, start more, or lower pumps"
        yield Finding("workers", "warning", found, advice)
    elif processes:
        yield Finding("workers", "ok", f"{processes} processes for {pumps} pumps")


def beat(*, ticks: bool) -> Finding:
    """Whether it moves what is held, waits for a retry or is replayed."""
    if ticks:
        return Finding("beat", "ok", "ticks")
    found = f"{NO_BEAT}: what is held, is replayed or waits for a retry stays"
    return Finding("beat", "failed", found, "start beat: see Procfile")


def stands(standings: Iterable[Standing]) -> Iterator[Finding]:
    """The destinations that do nothing until an operator does something."""
    for standing in standings:
        word, reason = state(standing)
        if word in ("paused", "orphaned"):
            part = f"destination {standing.account.id}"
            advice = f"name destinations.{standing.account.id} in the settings again"
            if word == "paused":
                advice = f"mend the reason, then {resumption(standing)}"
            yield Finding(part, "warning", f"is {word}: {reason}", advice)


def tokens(operators: Iterable[OperatorSettings]) -> Iterator[Finding]:
    """The operators whose tokens somebody could guess."""
    for operator in operators:
        if (length := len(operator.token.get_secret_value())) < TOKEN_MIN:
            found = f"its token has {length} characters and could be guessed"
            advice = f"set operators.{operator.id}.token to openssl rand -hex 24"
            yield Finding(f"operator {operator.id}", "warning", found, advice)


def rehearsals(accounts: Iterable[DestinationSettings]) -> Iterator[Finding]:
    """The destinations that are sent nothing at all."""
    for account in accounts:
        if account.dry_run:
            found = "dry run: what comes is skipped for good, nothing is sent"
            advice = (
                f"look at relay destinations shown {account.id}; to go live see docs/cutover.md"
            )
            yield Finding(f"destination {account.id}", "warning", found, advice)


def credentials(
    destination: str, reply: Reply, outcome: Outcome | Next, endpoint: str = ""
) -> Finding:
    """What came of a destination's probe, and whom to suspect when it is no success.

    A refusal that was expected shows less: that the credentials are not what is refused.
    """
    part = f"destination {destination}" + (f" ({endpoint})" if endpoint else "")
    if isinstance(outcome, Delivered | Skipped):
        refused = isinstance(reply, Answer) and reply.status >= HTTPStatus.BAD_REQUEST
        found = "does not refuse" if refused else "takes"
        return Finding(part, "ok", f"answers, and {found} the credentials")
    found = "answers with more questions" if isinstance(outcome, Next) else outcome.why
    return Finding(part, "failed", found, _advice(destination, reply, outcome))


def _advice(destination: str, reply: Reply, outcome: Outcome | Next) -> str:
    match reply, outcome:
        case (Answer(status=401 | 403), _) | (_, Unavailable(cause="credentials")):
            suspect = "the credentials"
        case Answer(status=status), _ if status == TOO_MANY or status >= SERVER_FAULTS:
            return "it fails now; events wait, nothing to do unless it lasts"
        case Answer(), _:
            suspect = "base_url and what it answered"
        case _:
            suspect = "base_url and the network"
    return f"look at {suspect}; see destinations.{destination}"
