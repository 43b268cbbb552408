"""What the API answers of events and of sources."""

from app.console.api.shape import Shape, told
from app.console.api.shapes.samples import MOMENT


class Happening(Shape):
    """What happened to a delivery; what is not known is left out."""

    at: str = told(MOMENT)
    what: str = told("attempted", "accepted, attempted, due, parked, buried, delivered, ...")
    status: int = told(200, default=0)
    error: str = told("the answer did not come in time", default="")
    seconds: float = told(0.021, default=0)
    attempts: int = told(1, default=0)


class TracedDelivery(Shape):
    """One delivery of an event."""

    destination: str = told("kable")
    message_id: str = told("9f6d-1")
    place: str = told(
        "finished",
        "waiting, retrying, dead, unmapped or finished; several with `or` where the search ended.",
    )
    history: list[Happening]
    note: str = told("", "Why the search did not look everywhere.")


class Trace(Shape):
    """Where an event is, destination by destination."""

    deliveries: list[TracedDelivery]


class Source(Shape):
    """What came of the events of a source; each is counted once."""

    id: str = told("web")
    accepted: int = told(1017)
    repeats: int = told(4, "All destinations had them.")
    unrouted: int = told(0, "No destination takes them.")
    refused: int = told(2)
    refused_by_code: dict[str, int] = told({"no_user_anon_id": 2})


class RefusedSample(Shape):
    """An event that was refused."""

    at: str = told(MOMENT)
    message: str = told("userId, anonymousId: expected one of them")
    event: str = told('{"type":"track","event":"Call"}', "The beginning of what came, as text.")


class Rejections(Shape):
    """What of a source was refused under a code, and the newest ten."""

    source: str = told("web")
    code: str = told("no_user_anon_id")
    count: int = told(2)
    samples: list[RefusedSample]
