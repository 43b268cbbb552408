"""The events of an NDJSON file, in batches, read as a stream."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO

import msgspec

from app.segment import Fields

BATCH_EVENTS_MAX = 500
BATCH_BYTES_MAX = 450_000
FAULTS_KEPT = 20

_ABSENT = (b"null", b'""')
_TRACK = msgspec.Raw(b'"track"')


@dataclass
class Faults:
    """The lines that are no event: how many, the numbers of the first, whether one is an array."""

    count: int = 0
    first: list[int] = field(default_factory=list)
    array: bool = False

    def add(self, line: "Line") -> None:
        self.count += 1
        self.array = self.array or line.start.startswith(b"[")
        if len(self.first) < FAULTS_KEPT:
            self.first.append(line.number)

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.first))
        more = self.count - len(self.first)
        return f"{numbers} and {more:,} more" if more else numbers


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its number, its text, and where in the file (bytes) it ends.

    Of one that is too long there is no more than its start.
    """

    number: int
    start: bytes
    whole: bool
    end: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A request's body, the number of its events, and where in the file (bytes) it ends."""

    body: bytes
    events: int
    read: int


class Repeats:
    """How often a line came before. On disk, in a file without a name: a file may be endless.

    `alike` counts the lines that only their words tell apart: without messageId and timestamp.
    """

    def __init__(self) -> None:
        self.alike = 0
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE line (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID"
        )

    def count(self, digest: bytes) -> int:
        """How often this was asked before."""
        ((times,),) = self._database.execute(
            "INSERT INTO line VALUES (?, 0)"
            " ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
            (digest,),
        ).fetchall()
        return int(times)

    def close(self) -> None:
        self._database.close()


def event(line: bytes, repeats: Repeats) -> bytes | None:
    """The event on a line, with a type and a message id; None when it is no JSON object.

    The id that an event gets is made from its line and from how many equal ones came before, so
    that another run over the same file gives the same and the relay drops the repeat.
    """
    try:
        line.decode()  # msgspec leaves the text in a Raw unread
        fields = msgspec.json.decode(line, type=Fields)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if _absent(fields, "type"):
        fields["type"] = _TRACK
    if _absent(fields, "messageId"):
        repeats.alike += _absent(fields, "timestamp")
        digest = blake2b(line, digest_size=16)
        name = f'"{digest.hexdigest()}-{repeats.count(digest.digest())}"'
        fields["messageId"] = msgspec.Raw(name.encode())
    return msgspec.json.encode(fields)


def batches(file: BinaryIO, events_max: int, repeats: Repeats, faults: Faults) -> Iterator[Batch]:
    """The events of the file; the numbers of lines that are none go to `faults`."""
    events: list[bytes] = []
    size = read = 0
    for line in _lines(file):
        found = event(line.start, repeats) if line.whole else None
        if found is None or len(found) > BATCH_BYTES_MAX:
            faults.add(line)
            continue
        if events and (len(events) == events_max or size + len(found) > BATCH_BYTES_MAX):
            yield _batch(events, read)
            events, size = [], 0
        events.append(found)
        size += len(found) + 1
        read = line.end
    if events:
        yield _batch(events, read)


def _lines(file: BinaryIO) -> Iterator[Line]:
    number = end = 0
    while start := file.readline(BATCH_BYTES_MAX):
        number += 1
        end += len(start)
        piece = start
        while len(piece) == BATCH_BYTES_MAX and not piece.endswith(b"\n"):
            piece = file.readline(BATCH_BYTES_MAX)
            end += len(piece)
        if text := start.strip():
            yield Line(number, text, piece is start, end)


def _batch(events: list[bytes], read: int) -> Batch:
    # Without sentAt the relay takes the timestamps as they are: a file's clock is not this one.
    return Batch(b'{"batch":[' + b",".join(events) + b"]}", len(events), read)


def _absent(fields: Fields, name: str) -> bool:
    return name not in fields or bytes(fields[name]) in _ABSENT
