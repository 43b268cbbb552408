"""The metrics of what sources send."""

from app.metrics.fleet import Fleet
from app.metrics.measure import Measure, Samples


def _refused(fleet: Fleet) -> Samples:
    for source, counts in fleet.sources.items():
        for code, number in counts.refused.items():
            yield (source, code), number


MEASURES = (
    Measure(
        "counter",
        "relay_events_accepted",
        "Events that at least one destination got for the first time.",
        ("source",),
        lambda fleet: (((id_,), one.accepted) for id_, one in fleet.sources.items()),
    ),
    Measure(
        "counter",
        "relay_events_repeated",
        "Events that all their destinations had already, by their message id.",
        ("source",),
        lambda fleet: (((id_,), one.deduplicated) for id_, one in fleet.sources.items()),
    ),
    Measure(
        "counter",
        "relay_events_unrouted",
        "Events that no destination takes.",
        ("source",),
        lambda fleet: (((id_,), one.unrouted) for id_, one in fleet.sources.items()),
    ),
    Measure(
        "counter",
        "relay_events_refused",
        "Events that were answered 200 and not kept, by the code of the refusal.",
        ("source", "code"),
        _refused,
    ),
)
