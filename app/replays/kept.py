"""The replays of one destination as the store keeps them: begun, moved, cancelled, told of."""

import re
from collections.abc import Callable
from typing import cast
from uuid import uuid4

import msgspec
import redis

from app.clock import Clock
from app.dead_letters import Burial, DeadLetters, Filter, unheard
from app.keys import destination_key
from app.replays.replay import RATE_MAX, Replay, decode, default_rate
from app.replays.step import News, Stepper
from app.replays.survey import Chosen, Survey, Surveyor
from app.scripts import Argument, Scripts
from app.settings import DestinationSettings

_ID = re.compile(r"[0-9a-f]{12}")


class ReplayRunning(Exception):
    """A destination has one replay at a time; `replay` names the one that runs."""

    def __init__(self, replay: str) -> None:
        super().__init__(f"the replay {replay} runs; expected one at a time: wait or cancel it")
        self.replay = replay


class BadRate(ValueError):
    """A pace at which no replay can run."""

    def __init__(self, rate: float) -> None:
        super().__init__(f"expected a rate of 1 to {RATE_MAX:g} letters a second, found {rate:g}")


class NothingIsSent(Exception):
    """A destination in a dry run skips what it gets, letters too."""

    def __init__(self, destination: str) -> None:
        super().__init__(
            f"{destination} makes a dry run, which would skip the letters for good; expected "
            f"destinations.{destination}.dry_run = false"
        )


class Replays:
    """A replay moves dead letters back into their partitions, a step with each tick.

    It covers letters that were buried before its survey. Those that may have been recorded
    (`unconfirmed`) it takes only where the filter names that reason or they are named themselves.
    """

    def __init__(
        self, store: redis.Redis, account: DestinationSettings, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._scripts = Scripts(store, account.id, clock)
        letters = DeadLetters(store, account, clock)
        self._surveyor = Surveyor(store, account, letters)
        self._stepper = Stepper(store, account.id, self._scripts, letters)

    def dry_run(self, chosen: Chosen, looked: Callable[[int], None] = unheard) -> Survey:
        """What `begin` would take; `looked` hears how far a scan is. Raises TooManyIds."""
        return self._surveyor.survey(chosen, self._now(), looked)

    def begin(
        self, chosen: Chosen, rate: float | None, who: str, survey: Survey | None = None
    ) -> Replay:
        """Begin; the tick does the rest. It takes no more than the survey told, if there was one.

        Raises ReplayRunning, TooManyIds, BadRate and NothingIsSent.
        """
        if self._account.dry_run:
            raise NothingIsSent(self._account.id)
        pace = default_rate(self._account) if rate is None else rate
        if not 1 <= pace <= RATE_MAX:
            raise BadRate(pace)
        survey = survey or self.dry_run(chosen)
        filtered = isinstance(chosen, Filter)
        named = () if isinstance(chosen, Filter) else chosen
        letters = self._surveyor.placed(named, survey.before)
        fields: dict[str, Argument] = {
            "total": survey.count,
            "unconfirmed": survey.unconfirmed,
            "closed_period": "" if survey.closed_period is None else survey.closed_period,
            "before": survey.before,
            "rate": pace,
            "who": who,
            "named": len(letters),
            "cursor": "-1" if filtered else "0",
            "filter": msgspec.json.encode(chosen.written()) if isinstance(chosen, Filter) else "",
        }
        id_, words = uuid4().hex[:12], [word for pair in fields.items() for word in pair]
        running = self._scripts.run("begin", id_, self._now(), len(fields), *words, *letters)
        if running:
            raise ReplayRunning(running.decode())
        begun = self.one(id_)
        if begun is None:
            raise RuntimeError(f"the replay {id_} has gone; expected it in the store")
        return begun

    def cancel(self, id_: str) -> bool:
        """Move no more; what is under way goes on and still counts. False when it had ended."""
        return _ID.fullmatch(id_) is not None and bool(self._scripts.run("cancel", id_))

    def one(self, id_: str) -> Replay | None:
        if not _ID.fullmatch(id_):
            return None  # it may name another key
        kept = self._store.hgetall(self._key("replay:") + id_)
        return decode(id_, self._account.id, cast("dict[bytes, bytes]", kept)) if kept else None

    def newest(self) -> list[Replay]:
        """The newest first, at most 100."""
        ids = cast("list[bytes]", self._store.zrange(self._key("replays"), 0, -1, desc=True))
        pipe = self._store.pipeline(transaction=False)
        for id_ in ids:
            pipe.hgetall(self._key("replay:") + id_.decode())
        kept = cast("list[dict[bytes, bytes]]", pipe.execute())
        found = zip(ids, kept, strict=True)
        return [decode(id_.decode(), self._account.id, one) for id_, one in found if one]

    def taking(self, letter: str) -> Replay | None:
        """The replay under which the letter of this id is under way or waits for a retry."""
        burial = Burial.named(letter)
        if burial is None:
            return None
        pipe = self._store.pipeline(transaction=False)
        for name in ("replaying", "retried"):
            pipe.hget(self._key(name), burial.key)
        taken = next((one for one in pipe.execute() if one is not None), None)
        return None if taken is None else self.one(taken.decode())

    def step(self) -> News | None:
        """Move what may move now; None when there was nothing to do and nothing to tell."""
        pace = self._stepper.pace()
        replay = self.one(pace.replay) if pace else None
        if pace is None or replay is None:
            return None
        moved = 0
        if pace.count:
            moved = self._stepper.move(pace, self._stepper.portion(replay, pace))
        return News(replay, moved, pace.told)

    def _now(self) -> int:
        """The moment by the clock that was given, else by the store's."""
        if self._clock is not None:
            return self._clock()
        seconds, microseconds = self._store.time()
        return seconds * 1000 + microseconds // 1000

    def _key(self, name: str) -> str:
        return destination_key(self._account.id, name)
