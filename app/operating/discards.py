"""Discards that go on beside whoever asked for them: told of while they run, and stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import Literal
from uuid import uuid4

import structlog

from app.clock import Clock, milliseconds
from app.dead_letters import End
from app.faults import named
from app.operating.operator import Operator
from app.operating.refusals import Conflict
from app.operating.targets import DiscardSurvey
from app.replays import Chosen

KEPT = 100

State = Literal["running", "done", "cancelled", "failed"]

logger = structlog.get_logger("discards")


@dataclass(frozen=True, slots=True)
class Discard:
    """A discard of `total` letters, of which `discarded` are gone; moments in ms since the epoch.

    One that `failed` ended because the store was away.
    """

    id: str
    destination: str
    state: State
    total: int
    discarded: int
    who: str
    began_at: int
    ended_at: int | None


class _StopError(Exception):
    """It is told to end."""


class _Course:
    """One discard under way, in a thread of its own."""

    def __init__(self, operator: Operator, destination: str, total: int, clock: Clock) -> None:
        self.id = uuid4().hex[:12]
        self.destination = destination
        self.stop, self.ended = Event(), Event()
        self._operator, self._total, self._clock = operator, total, clock
        self._state: State = "running"
        self._done, self._began = 0, clock()
        self._ended: int | None = None

    def run(self, discard: Callable[[Callable[[int], None]], int], rate: float | None) -> None:
        try:
            self._done = discard(lambda done: self._advance(done, rate))
            self._state = "done"
        except _StopError:
            self._state = "cancelled"
        except Exception as error:  # noqa: BLE001 - nobody else is there to hear it
            logger.warning("discard.failed", destination=self.destination, error=named(error))
            self._state = "failed"
        finally:
            self._ended = self._clock()
            self.ended.set()

    def told(self) -> Discard:
        return Discard(
            self.id,
            self.destination,
            self._state,
            self._total,
            self._done,
            self._operator.who,
            self._began,
            self._ended,
        )

    def _advance(self, done: int, rate: float | None) -> None:
        """Raises _StopError; with a rate it waits until the next letters may go."""
        self._done = done
        passed = (self._clock() - self._began) / 1000
        if self.stop.wait(max(0.0, done / rate - passed) if rate else 0) and done < self._total:
            raise _StopError


class Discards:
    """The discards of this process, one at a time per destination, the newest hundred.

    One that runs is kept beside them. A process that is killed forgets them: what they have not
    let go of stays, and of what they did it is on record that they began.
    """

    def __init__(self, clock: Clock = milliseconds) -> None:
        self._clock = clock
        self._one_at_a_time = RLock()
        self._courses: dict[str, _Course] = {}

    def begin(
        self,
        operator: Operator,
        destination: str,
        chosen: Chosen,
        end: End,
        survey: DiscardSurvey,
        rate: float | None = None,
    ) -> Discard:
        """Begin one, at most so many letters a second. Raises Conflict while another runs."""
        course = _Course(operator, destination, survey.count, self._clock)
        with self._one_at_a_time:
            self._expect_none(destination)
            self._courses[course.id] = course
            self._forget()

        def discard(progress: Callable[[int], None]) -> int:
            return operator.discard(destination, chosen, end, survey, progress)

        Thread(target=course.run, args=(discard, rate), daemon=True).start()
        return course.told()

    def one(self, id_: str, within_s: float = 0) -> Discard | None:
        """How it stands; once it has ended or so many seconds are over. None without one."""
        course = self._courses.get(id_)
        if course is None:
            return None
        course.ended.wait(within_s)
        return course.told()

    def newest(self) -> list[Discard]:
        with self._one_at_a_time:
            return [course.told() for course in reversed(self._courses.values())]

    def cancel(self, id_: str, within_s: float = 5) -> Discard | None:
        """Let go of no more; how it stands once that is so."""
        if id_ in self._courses:
            self._courses[id_].stop.set()
        return self.one(id_, within_s)

    def close(self, within_s: float = 5) -> None:
        """End all, so that each records what it did."""
        running = [one.id for one in self.newest() if one.state == "running"]
        for id_ in running:
            self._courses[id_].stop.set()
        for id_ in running:
            self.one(id_, within_s)

    def _forget(self) -> None:
        ended = [id_ for id_, one in self._courses.items() if one.ended.is_set()]
        for id_ in ended[: max(0, len(self._courses) - KEPT)]:
            del self._courses[id_]

    def _expect_none(self, destination: str) -> None:
        for one in self.newest():
            if one.destination == destination and one.state == "running":
                told = f"the discard {one.id} runs; expected one at a time: wait or cancel it"
                raise Conflict("discard_running", told)
