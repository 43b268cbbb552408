"""`relay check`: what would keep the relay from keeping its promises, and what to do."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import redis
from rich.table import Table
from rich.text import Text

from app.cli.config import ADVICE, HERE, is_missing, loaded
from app.cli.exits import DONE, FAILED
from app.cli.tables import show, show_json
from app.client import Client
from app.destinations import KINDS
from app.findings import Finding, credentials, rehearsals, tokens
from app.inspection import of_the_destinations, of_the_processes, of_the_store
from app.readiness import connect_once, store_away
from app.settings import DestinationSettings, Settings, SettingsError

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}
CONNECT_S = 3.0
DEVELOPMENT = "development"  # where relay dev has the token dev
START = "start the store, or mend store_url"
BROKER_PORTS = {"amqp": 5672, "amqps": 5671, "pyamqp": 5672}


def run(config: Path | None, *, as_json: bool) -> int:
    findings = list(_findings(config))
    if as_json:
        items = [asdict(finding) for finding in findings]
        show_json({"items": items, "next_cursor": None})
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
    yield from rehearsals(settings.destinations.values())
    if settings.environment != DEVELOPMENT:
        yield from tokens(settings.operators.values())
    with connect_once(settings.store_url.get_secret_value()) as store:
        away = next(store_away(store), None)
        if away is None:
            yield from _store_findings(settings, store)
        else:
            yield Finding("store", "failed", away.why, START)
    yield _broker(settings, store_answers=away is None)
    for account in settings.destinations.values():
        yield from _credentials(account)


def _store_findings(settings: Settings, store: redis.Redis) -> Iterator[Finding]:
    try:
        yield from of_the_store(store, settings)
        yield from of_the_processes(store, settings)
        yield from of_the_destinations(store, settings)
    except redis.RedisError as error:
        yield Finding("store", "failed", f"does not answer INFO and CONFIG: {error}", START)


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


def _credentials(account: DestinationSettings) -> Iterator[Finding]:
    kind = KINDS[account.kind]
    client = Client(kind, account)
    try:
        for probe in (kind.probe(account), *kind.probes(account)):
            reply = client.send(probe)
            yield credentials(account.id, reply, kind.read(reply, probe), probe.endpoint)
    finally:
        client.close()


def _table(findings: Sequence[Finding]) -> Table:
    table = Table("part", "state", "found", "what to do", box=None)
    for finding in findings:
        state = Text(finding.state, style=STYLES[finding.state])
        table.add_row(finding.part, state, Text(finding.found), Text(finding.advice))
    return table
