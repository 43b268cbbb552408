"""A source under steady load: it sends as an SDK does and remembers exactly what was confirmed."""

import json
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any

SENDERS = 8
USERS_EACH = 60
SENDER_BITS = 24
IDENTIFIES = 0.06
UNMAPPED = 0.02
BATCH_MAX = 20
TRIES_MAX = 10
PAUSE_INITIAL_S = 0.1
PAUSE_MAX_S = 2.0
ANSWER_WITHIN_S = 10.0
BEHIND_MAX_S = 1.0

Event = dict[str, Any]

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Basic " + b64encode(b"dev:").decode(),
}


@dataclass(slots=True)
class Sent:
    """What a source knows: every event by its message id, by what became of it at last.

    `sent_at` is when each was sent first (s since the epoch).
    """

    confirmed: dict[str, Event] = field(default_factory=dict)
    unconfirmed: dict[str, Event] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    sent_at: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sent_at)

    def __or__(self, other: "Sent") -> "Sent":
        return Sent(
            self.confirmed | other.confirmed,
            self.unconfirmed | other.unconfirmed,
            self.answers + other.answers,
            self.sent_at | other.sent_at,
        )


class Load:
    """Several senders that together send `rate` events a second until they are stopped.

    Each numbers its events from `first` on: no two loads of a run may share numbers.
    """

    def __init__(self, port: int, rate: float, random: Random, first: int = 0) -> None:
        self._stopped = threading.Event()
        self._senders = [
            _Sender(
                number, Random(random.getrandbits(32)), port, rate / SENDERS, self._stopped, first
            )
            for number in range(1, SENDERS + 1)
        ]

    def start(self) -> None:
        for sender in self._senders:
            sender.start()

    def answers(self) -> Counter[str]:
        """What has been answered so far."""
        return sum((sender.sent.answers for sender in self._senders), Counter())

    def stop(self) -> Sent:
        """Send nothing new; return when the last request is confirmed or given up."""
        self._stopped.set()
        sent = Sent()
        for sender in self._senders:
            if sender.is_alive():
                sender.join()
            sent |= sender.sent
        return sent


class _Sender(threading.Thread):
    """It has users of its own and sends one request after the other: theirs come in order."""

    def __init__(
        self,
        number: int,
        random: Random,
        port: int,
        rate: float,
        stopped: threading.Event,
        first: int,
    ) -> None:
        super().__init__(name=f"sender-{number}", daemon=True)
        self.sent = Sent()
        self._number = number
        self._rate = rate
        self._stopped = stopped
        self._random = random
        self._connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
        self._made = first

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            events = self._events()
            self._deliver(events)
            # What a stall held up is not made up for in one burst.
            due = max(due, time.monotonic() - BEHIND_MAX_S) + len(events) / self._rate
        self._connection.close()

    def _events(self) -> list[Event]:
        count = 1 if self._random.random() < 0.5 else self._random.randint(2, BATCH_MAX)
        first, self._made = self._made, self._made + count
        return [self._event(made) for made in range(first, first + count)]

    def _event(self, made: int) -> Event:
        user = f"user-{self._number}-{self._random.randrange(USERS_EACH)}"
        return _event(self._number << SENDER_BITS | made, user, self._random)

    def _deliver(self, events: Sequence[Event]) -> None:
        sent = {event["messageId"]: event for event in events}
        self.sent.sent_at |= dict.fromkeys(sent, time.time())
        pause = PAUSE_INITIAL_S
        for _ in range(TRIES_MAX):
            answer = self._answer(events)
            self.sent.answers[answer] += 1
            if answer == "200":
                self.sent.confirmed |= sent
                return
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_S)
        self.sent.unconfirmed |= sent

    def _answer(self, events: Sequence[Event]) -> str:
        """The status that came, or the name of what happened instead."""
        single = len(events) == 1
        path = f"/v1/{events[0]['type']}" if single else "/v1/batch"
        content = events[0] if single else {"batch": events}
        try:
            self._connection.request("POST", path, json.dumps(content), HEADERS)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            return type(error).__name__
        if response.status == 200 and json.loads(body) != {"success": True}:
            return "200 without success"
        if response.status == 503 and not response.headers.get("Retry-After", "").isdecimal():
            return "503 without Retry-After"
        return str(response.status)


def _event(number: int, user: str, random: Random) -> Event:
    """An event that shows at either destination which one it was.

    Kable keeps its message id. Kana keeps what usage adds, which is the number in that id, and the
    name of a user, which is that of the identify.
    """
    known = {"messageId": str(number), "userId": user}
    chance = random.random()
    if chance < IDENTIFIES:
        return {**known, "type": "identify", "traits": {"name": str(number)}}
    track = {**known, "type": "track", "event": "API Called"}
    if chance < IDENTIFIES + UNMAPPED:
        return {**track, "properties": {"calls": 1}}
    return {**track, "properties": {"featureId": "calls", "delta": number}}
