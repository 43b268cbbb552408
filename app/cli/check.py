"""`relay check`: what would keep the relay from keeping its promises, and what to do."""

import json
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import redis
from rich.table import Table
from rich.text import Text

from app.cli.config import ADVICE, HERE, is_missing, loaded
from app.cli.exits import DONE, FAILED
from app.cli.tables import show
from app.client import Client
from app.destination import Answer, Next, Reply
from app.destinations import KINDS
from app.outcome import Delivered, Outcome, Skipped
from app.readiness import connect_once, store_away
from app.settings import DestinationSettings, Settings, SettingsError

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}
VERSION_MIN = 7
CONNECT_S = 3.0
START = "start the store, or mend store_url"
BROKER_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part was found, and what to do when it is not as it should be."""

    part: str
    state: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


def run(config: Path | None, *, as_json: bool) -> int:
    findings = list(_findings(config))
    if as_json:
        items = [asdict(finding) for finding in findings]
        json.dump({"items": items, "next_cursor": None}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        show(_table(findings))
    return FAILED if any(finding.state == "failed" for finding in findings) else DONE


def _findings(config: Path | None) -> Iterator[Finding]:
    try:
        settings = loaded(config)
    except SettingsError as error:
        if is_missing(config):
            yield Finding("configuration", "failed", f"no {HERE} in {Path.cwd()}", ADVICE)
        for fault in error.faults:
            yield Finding("configuration", "failed", fault, "mend relay.toml or RELAY_*")
        return
    sources, destinations = len(settings.sources), len(settings.destinations)
    yield Finding("configuration", "ok", f"{sources} source(s), {destinations} destination(s)")
    with connect_once(settings.store_url.get_secret_value()) as store:
        away = next(store_away(store), None)
        if away is None:
            yield from _store_findings(settings, store)
        else:
            yield Finding("store", "failed", away.why, START)
    yield _broker(settings, store_answers=away is None)
    for account in settings.destinations.values():
        yield _credentials(account)


def _store_findings(settings: Settings, store: redis.Redis) -> Iterator[Finding]:
    try:
        info: Mapping[str, object] = store.info()
        yield version(info)
        fsync = _fsync(store)
        yield from persistence(info, fsync)
        yield eviction(info)
        yield from forgetfulness(settings.destinations.values(), fsync)
    except redis.RedisError as error:
        yield Finding("store", "failed", f"does not answer INFO and CONFIG: {error}", START)


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


def credentials(destination: str, reply: Reply, outcome: Outcome | Next) -> Finding:
    """What came of a destination's probe, and whom to suspect when it is no success."""
    part = f"destination {destination}"
    if isinstance(outcome, Delivered | Skipped):
        return Finding(part, "ok", "answers, and takes the credentials")
    found = "answers with more questions" if isinstance(outcome, Next) else outcome.why
    match reply:
        case Answer(status=401 | 403):
            suspect = "the credentials"
        case Answer():
            suspect = "base_url and what it answered"
        case _:
            suspect = "base_url and the network"
    return Finding(part, "failed", found, f"look at {suspect}; see destinations.{destination}")


def _fsync(store: redis.Redis) -> str | None:
    try:
        config: Mapping[str | None, str | None] = store.config_get("appendfsync")
    except redis.ResponseError:
        return None
    return config.get("appendfsync")


def _broker(settings: Settings, *, store_answers: bool) -> Finding:
    """That it answers will do: Celery's messages are only wakes, which may be lost."""
    url = settings.broker_url.get_secret_value()
    if url == settings.store_url.get_secret_value():
        if store_answers:
            return Finding("broker", "ok", "the store")
        return Finding("broker", "failed", "the store, which does not answer", START)
    parts = urlsplit(url)
    port = parts.port or BROKER_PORTS.get(parts.scheme, 6379)
    where = f"{parts.scheme}://{parts.hostname}:{port}"
    try:
        if parts.scheme in ("redis", "rediss"):
            with connect_once(url) as broker:
                broker.ping()
        elif parts.hostname:
            socket.create_connection((parts.hostname, port), timeout=CONNECT_S).close()
        else:
            found = f"{parts.scheme} is not checked"
            return Finding("broker", "warning", found, "see that a worker starts with it")
    except (redis.RedisError, OSError) as error:
        advice = "start the broker, or mend broker_url; until then workers wait"
        return Finding("broker", "failed", f"{where} does not answer: {error}", advice)
    return Finding("broker", "ok", f"{where} answers")


def _credentials(account: DestinationSettings) -> Finding:
    kind = KINDS[account.kind]
    client = Client(kind, account)
    try:
        probe = kind.probe(account)
        reply = client.send(probe)
        return credentials(account.id, reply, kind.read(reply, probe))
    finally:
        client.close()


def _table(findings: Sequence[Finding]) -> Table:
    table = Table("part", "state", "found", "what to do", box=None)
    for finding in findings:
        state = Text(finding.state, style=STYLES[finding.state])
        table.add_row(finding.part, state, Text(finding.found), Text(finding.advice))
    return table
