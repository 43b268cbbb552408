"""Every key that the relay keeps in the store.

All keys of a destination carry its id as hash tag, so that they share a slot of a Redis Cluster
and one script may touch them together. A name that ends in a colon is a prefix: scripts append a
partition, or a generation and a bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "relay:"
DESTINATIONS = f"{PREFIX}destinations"

DESTINATION_KEYS: Mapping[str, str] = {
    "meta": "hash: number of partitions for live deliveries, key of the digests; for ever",
    "counts": "hash: accepted, delivered, skipped, ...; for ever",
    "ready": "sorted set: partition that is not empty -> when it may move; while there is work",
    "leases": "sorted set: partition -> end of its lease; until it or the next pump ends",
    "holders": "hash: partition -> token of its pump; with `leases`",
    "pumps": "sorted set: token -> end of its leases; while pumps run",
    "deaths": "hash: partition -> pumps in a row that died holding it; until one ends in order",
    "alone": "hash: partition -> the only entry that a pump had in hand; until it ends in order",
    "answers": "hash: token -> number and answer of its last settle; while pumps run",
    "wake": "string: when the last wake was sent; until a pump answers it",
    "throttle": "hash: state of the rate, of holds and of a pause; for ever, bounded",
    "log:": "stream: deliveries of a partition in order; until settled, then empty",
    "due:": "sorted set: retry of a partition -> when; until settled",
    "late:": "hash: retry of a partition -> delivery; until settled",
    "blocked:": "hash: user of a partition -> retry that the others wait for; until settled",
    "order:": "sorted set: user and entry of what waits behind a retry; until settled",
    "behind:": "hash: entry that waits behind a retry -> delivery; until settled",
    "sending:": "hash: entry -> token of the pump that sends it once; until settled",
    "rules": "hash: mapping rule -> its conditions and its feature; until an operator removes it",
    "rules:state": "hash: version of the rules, those of the configuration; for ever",
    "rules:matches": "hash: mapping rule -> events that it matched; for ever",
    "unmapped": "hash: letter -> delivery that nothing maps yet; until a rule does",
    "unmapped:at": "sorted set: letter -> when it was parked; until a rule maps it",
    "dead": "hash: dead letter -> what lists show of it; until an operator decides",
    "dead:deliveries": "hash: dead letter -> delivery; until an operator decides",
    "dead:at": "sorted set: dead letter -> when it was buried; until an operator decides",
    "dead:ids": "sorted set: delivery id and its dead letter; until an operator decides",
    "dead:users": "sorted set: user and dead letter; until an operator decides",
    "dead:events": "sorted set: event and dead letter; until an operator decides",
    "dead:groups": "hash: group -> its first letter; while it has letters, at most 1,000",
    "dead:latest": "sorted set: group -> when its newest letter was buried; while it has letters",
    "dead:group:": "sorted set: dead letter of a group -> when; until an operator decides",
    "dead:reasons": "hash: reason -> number of dead letters; while there are any",
    "dead:told": "sorted set: new group -> when a pump was asked to tell it; a day, at most 51",
    "flags": "hash: flag -> what somebody has to do by hand; until resolved or lifted",
    "flags:at": "sorted set: flag -> when its event was accepted; with `flags`",
    "flags:users": "sorted set: user and flag; with `flags`",
    "replaying": "hash: dead letter under way again -> its replay; at most 500",
    "retried": "hash: letter of a replay that waits for a retry -> its replay; until finished",
    "replays": "sorted set: replay -> when it began; the newest 100",
    "replay:": "hash: a replay, its filter and what it came to; with `replays`",
    "replay:ids:": "list: the letters that a replay names; until they are taken",
    "replay:unmapped": "hash: how far new rules were tried on what is unmapped; for ever",
    "day:": "hash: the ledger of a day of acceptance; 400 days",
    "hour:": "hash: event name -> what became of its deliveries in an hour; nine days",
    "figures": "hash: latencies, calls, pumps, wakes, holds, ... as metrics tell them; for ever",
    "history": "list: how the destination stood, once a minute; the newest 1,500",
    "settled": "list: the newest settlements; the last 500 calls of settle",
    "shown": "list: what a dry run would have sent; the newest 100",
    "actions": "stream: what operators did; the newest 1,000",
    "seen": "hash: generation of the digests; for ever",
    "seen:": "set of integers: digests of message ids; two windows",
}


def destination_key(destination: str, name: str) -> str:
    """The key that a destination keeps under one of DESTINATION_KEYS."""
    if name not in DESTINATION_KEYS:
        raise KeyError(name)
    return f"{PREFIX}{{{destination}}}:{name}"


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """The keys of one source."""

    source: str

    @property
    def counts(self) -> str:
        return f"{PREFIX}{{source:{self.source}}}:counts"

    def refused(self, code: str) -> str:
        """The newest samples that were refused under a code."""
        return f"{PREFIX}{{source:{self.source}}}:refused:{code}"
