"""A store in which something lies in every place that operators look at."""

import json
from collections.abc import Callable, Sequence

import redis

from app import delivery
from app.append import Admission
from app.dead_letters import DeadLetters, Filter, encode, letter
from app.delivery import Attempt
from app.flags import packed
from app.keys import SourceKeys
from app.log import Log
from app.mapping import Rule
from app.moves import Head, Leased, Reading, Settlement
from app.operating import Operator
from app.outcome import Delivered, Flag
from app.settings import Settings
from app.shown import Shown
from app.shown import encode as shown
from app.verdict import parked
from tests.consoling import KABLE, KANA

NOW = 1_767_225_600_000
AT = "2026-01-01T00:00:00.000Z"
FAILED = Attempt(NOW, 400, "", 21, '[{"transactionId":"dead-1"}]', '{"message":"unknown"}')
RULE = Rule(id="pdfs", feature="pdfs", event="Export", properties={"format": "pdf"})

Settle = Callable[[Head], Settlement]


def fill(store: redis.Redis, settings: Settings) -> None:
    """Deliveries that wait, are retried, dead, unmapped, delivered and shown; what was done."""
    kable, kana = Log(store, KABLE), Log(store, KANA)
    _settle(kable, ["dead-1", "dead-2", "dead-3"], _buried)
    _settle(kable, ["retry-1", "retry-2"], _retried)
    _settle(kable, ["shown-1"], _shown)
    _settle(kana, ["unmapped-1", "unmapped-2"], parked)
    _settle(kana, ["flagged-1"], _flagged)
    kable.append([_admission("waiting-1")])
    _count(store)
    _operate(Operator(store, settings, "bob"), DeadLetters(store, KABLE))


def _operate(bob: Operator, letters: DeadLetters) -> None:
    bob.pause("kable", "they move")
    bob.resume("kable")
    bob.add_rule("kana", RULE)
    first = letters.page(Filter(message_id="dead-3")).items[0].id
    bob.cancel(bob.replay("kable", [first], rate=5).id)
    bob.discard("kable", [first])


def _count(store: redis.Redis) -> None:
    keys = SourceKeys("web")
    store.hset(keys.counts, mapping={"accepted": 9, "refused:no_user_anon_id": 2})
    sample = {"at": AT, "message": "userId: expected one", "event": "<b>{"}
    store.lpush(keys.refused("no_user_anon_id"), json.dumps(sample))


def _settle(log: Log, names: Sequence[str], settle: Settle) -> None:
    log.append([_admission(name) for name in names])
    leased = log.lease("pump", 64)
    assert isinstance(leased, Leased)
    readings = [Reading(partition, "", 9, 0) for partition in leased.partitions]
    heads = [one for one in log.heads("pump", readings).heads if one.delivery.id in names]
    log.settle("pump", 1, [settle(one) for one in sorted(heads, key=lambda one: one.delivery.id)])
    log.release("pump")


def _admission(name: str) -> Admission:
    event = {
        "type": "track",
        "event": "Export",
        "messageId": name,
        "userId": name[-1],
        "properties": {"format": "pdf", "n": 12345678901234567890123},
    }
    return Admission(name, "web", name[-1], json.dumps(event).encode())


def _tried(head: Head) -> delivery.Delivery:
    return delivery.Delivery(
        head.delivery.id,
        head.delivery.source,
        head.delivery.user,
        head.delivery.event,
        head.delivery.accepted_at,
        (FAILED,),
    )


def _buried(head: Head) -> Settlement:
    tried, reason = _tried(head), "rejected"
    kept = encode(letter(tried, reason, "answered 400, unknown", NOW))
    return Settlement(head, "bury", payload=delivery.encode(tried), letter=kept, reason=reason)


def _retried(head: Head) -> Settlement:
    return Settlement(head, "retry", 3_600_000, delivery.encode(_tried(head)))


def _flagged(head: Head) -> Settlement:
    flag = Flag("email", "its API cannot change it", "change it", "a@b.example", "c@d.example")
    return Settlement(head, "delivered", payload=packed(head.delivery, Delivered((flag,))))


def _shown(head: Head) -> Settlement:
    would = Shown(head.delivery.id, "1", NOW, "sent", "", "POST", "/events", b'{"n": 1}')
    return Settlement(head, "dry_run", payload=shown(would))
