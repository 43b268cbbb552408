"""`relay send`: posts the events of a file to ingest, at a rate, as often as it takes."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import BinaryIO, assert_never

import msgspec
import requests
from rich.console import Console

from app.backoff import jittered
from app.cli.exits import DONE, FAILED, UNREACHABLE, WRONG_USE, leave, note
from app.cli.lines import BATCH_EVENTS_MAX, Batch, Faults, Repeats, batches
from app.cli.progress import Meter, meter
from app.client import retry_after
from app.settings import Settings

TIMEOUT_S = (3.0, 30.0)
WAIT_INITIAL = timedelta(milliseconds=500)
WAIT_MAX = timedelta(seconds=10)
PATIENCE_S = 60.0
SHOWN_BYTES_MAX = 300
AGAIN = "run the same command again: what was taken is not counted twice"
ALIKE = (
    "{:,} events have neither messageId nor timestamp: equal lines of another file count as "
    "repeats within dedupe_window; give each event a messageId"
)
ARRAY = "the file holds a JSON array; expected one event a line, as `jq -c '.[]' FILE` writes them"


@dataclass(frozen=True, slots=True)
class Taken:
    """Ingest has the batch."""


@dataclass(frozen=True, slots=True)
class Later:
    """Ingest is there and asks to wait."""

    why: str
    after: timedelta | None


@dataclass(frozen=True, slots=True)
class Away:
    """Ingest does not answer."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Ingest does not want the batch, and will not later."""

    why: str


class Error(msgspec.Struct, frozen=True):
    """What ingest says of a request that it refuses."""

    message: str


Answer = Taken | Later | Away | Refused


def run(path: Path, url: str, write_key: str, rate: float | None) -> int:
    """Send the events of a file (`-`: standard input). Returns the exit code."""
    faults = Faults()
    events_max = min(BATCH_EVENTS_MAX, math.ceil(rate)) if rate else BATCH_EVENTS_MAX
    with (
        _opened(path) as file,
        closing(Repeats()) as repeats,
        meter(Console(stderr=True), _size(path)) as progress,
        _Ingest(url, write_key) as ingest,
    ):
        sent = _sent(batches(file, events_max, repeats, faults), ingest, rate, progress)
    sys.stdout.write(f"sent {sent:,} events to {url}\n")
    for remark in remarks(sent, repeats.alike, faults):
        note(remark)
    return FAILED if faults.count else DONE


def remarks(sent: int, alike: int, faults: Faults) -> Iterator[str]:
    """What to know after so many events were sent, `alike` of them told apart by words alone."""
    if sent:
        yield "`relay status` shows what was refused"
    elif not faults.count:
        yield "the file holds no event"
    if alike:
        yield ALIKE.format(alike)
    if faults.count:
        yield f"left out {faults.count:,} that are no JSON object: line {faults}"
    if faults.array:
        yield ARRAY


def sole_write_key(settings: Settings) -> str:
    """The write key of the only source; ends the command when there are several."""
    sources = list(settings.sources.values())
    if len(sources) != 1:
        known = ", ".join(source.id for source in sources)
        leave(f"several sources ({known}): name one's key with --write-key", WRONG_USE)
    return sources[0].write_key.get_secret_value()


def meaning(
    status: int, headers: "requests.structures.CaseInsensitiveDict[str]", body: bytes = b""
) -> Answer:
    """What an answer of ingest says to a sender."""
    if status == requests.codes.ok:
        return Taken()
    why = f"ingest answers {status}"
    if status in (requests.codes.too_many_requests, requests.codes.service_unavailable):
        return Later(why, retry_after(headers.get("Retry-After"), now=datetime.now(UTC)))
    if status == requests.codes.unauthorized:
        return Refused(f"{why}: {_message(body)}; look at --write-key and --config")
    return Refused(f"{why}: {_message(body)}; look at --url")


class _Ingest:
    """Where batches go."""

    def __init__(self, url: str, write_key: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (write_key, "")
        self._session.headers["Content-Type"] = "application/json"
        self._session.headers["Relay-Lane"] = "bulk"

    def __enter__(self) -> "_Ingest":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def take(self, batch: Batch) -> Answer:
        try:
            answer = self._session.post(
                f"{self.url}/v1/batch", data=batch.body, timeout=TIMEOUT_S, allow_redirects=False
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            return Away(f"ingest does not answer at {self.url} ({type(error).__name__})")
        except requests.RequestException as error:
            return Refused(f"cannot post to {self.url}: {error}")
        return meaning(answer.status_code, answer.headers, answer.content)


def _sent(batches: Iterator[Batch], ingest: _Ingest, rate: float | None, progress: Meter) -> int:
    """Send all batches; how many events that were. Ends the command when it cannot go on."""
    sent, free_at = 0, time.monotonic()
    try:
        for batch in batches:
            time.sleep(max(0.0, free_at - time.monotonic()))
            if rate:
                free_at = max(free_at, time.monotonic()) + batch.events / rate
            _send(batch, ingest, progress.say)
            sent += batch.events
            progress.show(sent, batch.read)
    except _Stopped as stopped:
        leave(f"{stopped}; sent {sent:,} events until then", stopped.code)
    except KeyboardInterrupt:
        leave(f"interrupted; sent {sent:,} events until then; {AGAIN}", FAILED)
    return sent


def _send(batch: Batch, ingest: _Ingest, say: Callable[[str], None]) -> None:
    """Send one batch, as often as it takes. Raises _Stopped when it cannot go on."""
    attempt, away_until = 0, math.inf
    while True:
        attempt += 1
        wait = jittered(attempt, wait_initial=WAIT_INITIAL, wait_max=WAIT_MAX, random=Random())
        match answer := ingest.take(batch):
            case Taken():
                return
            case Refused(why):
                raise _Stopped(why, FAILED)
            case Away(why):
                away_until = min(away_until, time.monotonic() + PATIENCE_S)
                if time.monotonic() >= away_until:
                    raise _Stopped(f"{why}; {AGAIN}", UNREACHABLE)
            case Later(_, after):
                away_until = math.inf
                wait += after or timedelta()
            case _ as never:
                assert_never(never)
        if attempt == 1:
            say(f"{answer.why}; tries again")
        time.sleep(wait.total_seconds())


class _Stopped(Exception):
    """Sending cannot go on."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


def _message(body: bytes) -> str:
    """What ingest says, or how the answer of something else begins."""
    try:
        return msgspec.json.decode(body, type=Error).message
    except ValueError:
        return body[:SHOWN_BYTES_MAX].decode(errors="replace")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == Path("-"):
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def _size(path: Path) -> int | None:
    """In bytes; None when it is not known beforehand, as of a pipe."""
    return path.stat().st_size if path.is_file() else None
