"""Every key that the relay keeps in the store, and how long it lives.

All keys of a destination carry its id as hash tag, so that they share a slot of a Redis Cluster
and one script may touch them together. A name that ends in a colon is a prefix: scripts append a
partition or a bucket.

    meta              hash: partitions, digest key                       for ever
    counts            hash: accepted, delivered, ...                     for ever
    ready             sorted set: partition not empty -> when it may move   while there is work
    leases, holders   sorted set, hash: partition -> end of lease, token    while pumps run
    pumps             sorted set: token -> end of its leases             while pumps run
    answers           hash: token -> last settle's number and answer     while pumps run
    wake              hash: when a wake was sent that none answered      while there is work
    throttle          hash: rate state, held until, why                  for ever, bounded
    log:P             stream: deliveries of partition P in order         until settled
    due:P, late:P     sorted set, hash: retries of P, when and what      until settled
    dead, dead:at     hash, sorted set: dead letters                     until an operator decides
    seen              hash: the generation of the digests                for ever
    seen:G:B          set of integers: digests of message ids            two windows
    source: counts, refused:CODE   hash, list of ten samples             for ever, bounded
"""

from dataclasses import dataclass

PREFIX = "relay:"

DESTINATION_KEYS = frozenset(
    {"meta", "counts", "ready", "leases", "holders", "pumps", "answers", "wake", "throttle"}
    | {"log:", "due:", "late:", "dead", "dead:at", "seen", "seen:"}
)


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
