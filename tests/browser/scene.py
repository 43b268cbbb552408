"""What a relay goes through on a day with trouble, so that its pages have something to show."""

import random
from collections.abc import Sequence

import requests

from app.clock import milliseconds
from app.history import HOUR, MINUTE_MS, Sample, encode
from app.keys import destination_key
from tests.browser.conftest import Relay
from tests.processes import wait_until

CUSTOMERS = ("acme", "globex", "initech", "hooli", "stark", "wayne")
USAGE = (
    ("API Called", {"featureId": "api-calls", "endpoint": "/v2/search"}),
    ("API Called", {"featureId": "api-calls", "endpoint": "/v2/documents"}),
    ("Message Sent", {"featureId": "messages", "channel": "email"}),
    ("Report Exported", {"featureId": "reports", "format": "pdf"}),
)
UNMAPPED = (
    ("Report Exported", {"format": "pdf"}),
    ("Report Exported", {"format": "csv"}),
    ("Image Generated", {"model": "large"}),
    ("Seat Added", {"plan": "team"}),
)
UNKNOWN, BACKDATED = "umbrella", "the invoice of this timestamp is closed"
TRACED = f"9f6d5a4e-{UNKNOWN}-3"
BATCH = 100


def play(relay: Relay) -> None:
    """All of it; then partners are well, and nothing waits."""
    usage(relay, batches=40)
    _unknown_customer(relay, 12)
    usage(relay, batches=5)  # in between: who refuses more than it takes is paused
    _answered(relay, "kable", "initech", 5, status=400, body=f'{{"message": "{BACKDATED}"}}')
    _answered(relay, "kana", "globex", 4, mode="reset", times=4)
    _unmapped(relay, 63)
    for n in range(5):
        relay.send(userId=None, messageId=f"9f6d5a4e-nobody-{n}")
    for destination in ("kable", "kana"):
        _past(relay, destination)


def usage(relay: Relay, batches: int) -> None:
    chosen = random.Random(1)
    for _ in range(batches):
        batch = [
            {
                "type": "track",
                "userId": chosen.choice(CUSTOMERS),
                "event": name,
                "properties": {**properties, "delta": chosen.randint(1, 9)},
            }
            for name, properties in chosen.choices(USAGE, (6, 3, 4, 1), k=BATCH)
        ]
        url = f"{relay.ingest}/v1/batch"
        assert requests.post(url, json={"batch": batch}, auth=("dev", ""), timeout=10).ok
    _quiet(relay)


def _quiet(relay: Relay) -> None:
    for destination in ("kable", "kana"):
        wait_until(lambda on=destination: not _numbers(relay, on)["waiting"], within=90)


def _unknown_customer(relay: Relay, number: int) -> None:
    url = f"{relay.sandbox}/kable/_settings"
    assert requests.post(url, json={"refuse_client_ids": [UNKNOWN]}, timeout=10).ok
    _send(relay, UNKNOWN, number)
    _quiet(relay)
    assert requests.delete(url, timeout=10).ok


def _answered(relay: Relay, partner: str, user: str, number: int, **how: object) -> None:
    relay.answers(partner, **how)
    _send(relay, user, number)
    _quiet(relay)
    relay.answers(partner)


def _unmapped(relay: Relay, number: int) -> None:
    chosen = random.Random(2)
    for n, (name, properties) in enumerate(chosen.choices(UNMAPPED, (9, 4, 6, 2), k=number)):
        told = {**properties, "pages": chosen.randint(1, 12)}
        user = chosen.choice(CUSTOMERS)
        relay.send(event=name, userId=user, messageId=f"9f6d5a4e-export-{n}", properties=told)
    _quiet(relay)


def _send(relay: Relay, user: str, number: int) -> None:
    for n in range(1, number + 1):
        relay.send(
            messageId=f"9f6d5a4e-{user}-{n}",
            userId=user,
            properties={"featureId": "api-calls", "endpoint": "/v2/search", "delta": n},
            context={"library": {"name": "analytics-node", "version": "2.1.0"}},
        )


def _numbers(relay: Relay, destination: str) -> dict[str, int]:
    url = f"{relay.console}/api/destinations/{destination}"
    found = requests.get(url, headers={"Authorization": "Bearer dev"}, timeout=10)
    assert found.ok, found.text
    told: dict[str, int] = found.json()
    return told


def _past(relay: Relay, destination: str) -> None:
    """All of that as if it had come over an hour; its charts show a burst, and an outage."""
    now, key = milliseconds(), destination_key(destination, "history")
    numbers = _numbers(relay, destination)
    arrived = _shares([3 if 25 < minute < 40 else 2 for minute in range(HOUR + 1)])
    left = _shares(
        [0 if 45 < minute < 50 else 8 if minute == 50 else 2 for minute in range(HOUR + 1)]
    )
    samples = [
        Sample(
            now - (HOUR - minute) * MINUTE_MS,
            accepted=round(numbers["accepted"] * arrived[minute]),
            delivered=round(numbers["delivered"] * left[minute]),
            buried=numbers["dead"] if minute > 50 else 0,
        )
        for minute in range(HOUR + 1)
    ]
    relay.store.delete(key)
    relay.store.rpush(key, *(encode(one) for one in reversed(samples)))


def _shares(weights: Sequence[int]) -> list[float]:
    """How much of the whole there is after each."""
    return [sum(weights[: at + 1]) / sum(weights) for at in range(len(weights))]
