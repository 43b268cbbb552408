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
USERS = 500
BATCH_MAX = 20
TRIES_MAX = 10
PAUSE_INITIAL_S = 0.1
PAUSE_MAX_S = 2.0
ANSWER_WITHIN_S = 10.0
BEHIND_MAX_S = 1.0

HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Basic " + b64encode(b"dev:").decode(),
}


@dataclass(slots=True)
class Sent:
    """What a source knows: the message ids of every try, by what became of them at last."""

    confirmed: set[str] = field(default_factory=set)
    unconfirmed: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    def __or__(self, other: "Sent") -> "Sent":
        return Sent(
            self.confirmed | other.confirmed,
            self.unconfirmed | other.unconfirmed,
            self.answers + other.answers,
        )


class Load:
    """Several senders that together send `rate` events a second until they are stopped."""

    def __init__(self, port: int, rate: float, random: Random) -> None:
        self._stopped = threading.Event()
        self._senders = [
            _Sender(f"{random.getrandbits(32):08x}", port, rate / SENDERS, self._stopped)
            for _ in range(SENDERS)
        ]

    def start(self) -> None:
        for sender in self._senders:
            sender.start()

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
    def __init__(self, name: str, port: int, rate: float, stopped: threading.Event) -> None:
        super().__init__(name=f"sender-{name}", daemon=True)
        self.sent = Sent()
        self._prefix = name
        self._rate = rate
        self._stopped = stopped
        self._random = Random(name)
        self._connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
        self._made = 0

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            events = self._events()
            self._deliver(events)
            # What a stall held up is not made up for in one burst.
            due = max(due, time.monotonic() - BEHIND_MAX_S) + len(events) / self._rate
        self._connection.close()

    def _events(self) -> list[dict[str, Any]]:
        count = 1 if self._random.random() < 0.5 else self._random.randint(2, BATCH_MAX)
        first, self._made = self._made, self._made + count
        return [_event(f"{self._prefix}-{n}", self._random) for n in range(first, first + count)]

    def _deliver(self, events: Sequence[dict[str, Any]]) -> None:
        ids = [event["messageId"] for event in events]
        pause = PAUSE_INITIAL_S
        for _ in range(TRIES_MAX):
            answer = self._answer(events)
            self.sent.answers[answer] += 1
            if answer == "200":
                self.sent.confirmed.update(ids)
                return
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_S)
        self.sent.unconfirmed.update(ids)

    def _answer(self, events: Sequence[dict[str, Any]]) -> str:
        """The status that came, or the name of what happened instead."""
        single = len(events) == 1
        path, content = ("/v1/track", events[0]) if single else ("/v1/batch", {"batch": events})
        try:
            self._connection.request("POST", path, json.dumps(content), HEADERS)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            return type(error).__name__
        if response.status == 200 and json.loads(body) != {"success": True}:
            return "200 without success"
        return str(response.status)


def _event(message_id: str, random: Random) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "API Called",
        "messageId": message_id,
        "userId": f"user-{random.randrange(USERS)}",
        "properties": {"calls": random.randint(1, 9)},
    }
