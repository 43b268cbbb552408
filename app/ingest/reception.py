"""What is done with the events of one request: decode, find its source, accept, commit, count."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

from app.append import Admission
from app.counters import Counters
from app.ingest.acceptance import accept, accept_batch
from app.ingest.answers import NOT_STORED, SUCCESS, UNKNOWN_SOURCE, Answer, malformed
from app.ingest.body import Body, MalformedError, decode
from app.ingest.group_commit import GroupCommit, NotStoredError
from app.ingest.routing import Source, Sources
from app.ingest.stamp import (
    Accepted,
    Arrival,
    Client,
    Ignored,
    Limits,
    Outcome,
    Refused,
    refused,
)
from app.ingest.validation import Fault
from app.timestamps import written

Outcomes = Sequence[Outcome]
Take = Callable[[Body, Arrival], Outcomes]

NOBODY = Client()


def single(type_: str) -> Take:
    """How the body of `/v1/<type>` is taken."""
    return lambda body, arrival: (accept(type_, body, arrival),)


batch: Take = accept_batch


def now() -> datetime:
    return datetime.now(UTC)


def uuid() -> str:
    return str(uuid4())


class Reception:
    """Takes the events of requests; `clock` tells the moment in UTC, `new_id` a message id."""

    def __init__(
        self,
        sources: Sources,
        limits: Limits,
        commits: GroupCommit,
        counters: Counters,
        *,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = uuid,
    ) -> None:
        self._sources = sources
        self._limits = limits
        self._commits = commits
        self._counters = counters
        self._clock = clock
        self._new_id = new_id

    async def answer(
        self,
        take: Take,
        authorization: bytes,
        sent: bytes,
        client: Client = NOBODY,
        *,
        bulk: bool = False,
    ) -> Answer:
        """The answer to a request with this Authorization header and body.

        Success means that the store has confirmed every event that was accepted.
        """
        try:
            body = decode(sent)
            source = self._sources.find(authorization, body.write_key)
            if source is None:
                return UNKNOWN_SOURCE
            arrival = self.arrival(source, client, bulk=bulk)
            outcomes = take(body, arrival)
        except MalformedError as wrong:
            return malformed(str(wrong))
        answer = await self.kept(outcomes, arrival)
        if body.lenient and answer is SUCCESS:
            self._counters.count(source.id, "lenient")
        return answer

    async def show(self, take: Take, authorization: bytes, sent: bytes, client: Client) -> None:
        """Take what came with an image; nobody sends that again, so what is lost is counted."""
        answer = await self.answer(take, authorization, sent, client)
        if answer is NOT_STORED:
            fault = Fault("not_stored", "the store has not confirmed this event in time")
            self.refuse(fault, authorization, decode(sent).write_key)
        elif answer.status == HTTPStatus.BAD_REQUEST:
            self.refuse(Fault("bad_request", "expected a JSON object"), authorization, None)

    def refuse(self, fault: Fault, authorization: bytes, key: str | None) -> None:
        """Count an event that was not understood, if it tells whose it is."""
        source = self._sources.find(authorization, key)
        if source is not None:
            self._count_refused(refused(fault, b""), self.arrival(source))

    def arrival(
        self,
        source: Source,
        client: Client = NOBODY,
        limits: Limits | None = None,
        *,
        bulk: bool = False,
    ) -> Arrival:
        """A request that comes now."""
        return Arrival(source, self._clock(), self._new_id, limits or self._limits, client, bulk)

    async def kept(self, outcomes: Outcomes, arrival: Arrival) -> Answer:
        """The answer once the store has confirmed what was accepted."""
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        admissions = _admissions(accepted, arrival)
        try:
            duplicates = await self._commits.commit(admissions) if admissions else {}
        except NotStoredError:
            return NOT_STORED  # and nothing is counted, for the client sends it all again
        self._count(arrival.source.id, accepted, duplicates)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self._count_refused(outcome, arrival)
            elif isinstance(outcome, Ignored):
                self._counters.count(arrival.source.id, "ignored")
        return SUCCESS

    def _count(
        self,
        source: str,
        accepted: Sequence[Accepted],
        duplicates: Mapping[str, frozenset[int]],
    ) -> None:
        unrouted = sum(not event.destinations for event in accepted)
        repeated = _repeated(accepted, duplicates) if duplicates else 0
        self._counters.count(source, "accepted", len(accepted) - unrouted - repeated)
        if unrouted:
            self._counters.count(source, "unrouted", unrouted)
        if repeated:
            self._counters.count(source, "deduplicated", repeated)

    def _count_refused(self, refused: Refused, arrival: Arrival) -> None:
        sample = {
            "at": written(arrival.received_at),
            "message": refused.message,
            "event": refused.sample.decode(errors="replace"),
        }
        self._counters.refused(arrival.source.id, refused.code, sample, refused.events)


def _admissions(accepted: Sequence[Accepted], arrival: Arrival) -> dict[str, list[Admission]]:
    """What each destination is to be handed, in the order of the events."""
    admissions: dict[str, list[Admission]] = {}
    for event in accepted:
        admission = Admission(event.id, arrival.source.id, event.user, event.event, arrival.bulk)
        for destination in event.destinations:
            admissions.setdefault(destination, []).append(admission)
    return admissions


def _repeated(accepted: Sequence[Accepted], duplicates: Mapping[str, frozenset[int]]) -> int:
    """How many events all of their destinations had already."""
    indexes: Counter[str] = Counter()
    repeated = 0
    for event in accepted:
        known = [indexes[name] in duplicates.get(name, ()) for name in event.destinations]
        indexes.update(event.destinations)
        repeated += bool(known) and all(known)
    return repeated
