"""The verbs of an operator: each does what it says, and records who did it and to how many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis

from app.actions import Actions
from app.dead_letters import DeadLetters, End, Opened, unheard
from app.destinations import KINDS
from app.flags import Flagged, Flags
from app.mapping import Rule
from app.operating.announced import nothing
from app.operating.refusals import Absent, Conflict, no_letter, refusals
from app.operating.targets import DiscardSurvey, described, discarded, surveyed, taken
from app.overview import known, orphan
from app.replays import Chosen, Replay, Replays, Survey
from app.rules import Kept, Rules
from app.settings import DestinationSettings, Settings
from app.throttle import Throttle
from app.unmapped import UnmappedEvents

_AS: Mapping[End, str] = {"discarded": "", "delivered": " as delivered"}


@dataclass(frozen=True, slots=True)
class Resumed:
    """Whether a pause was ended, and what it was: who had made it and why."""

    ended: bool
    pause: str


@dataclass(frozen=True, slots=True)
class RuleAdded:
    """A new rule, and how many unmapped events it is tried on."""

    kept: Kept
    unmapped: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """The flags that were let go of, and the ids that were none."""

    flags: tuple[Flagged, ...]
    missing: tuple[str, ...]


class Operator:
    """What `who` may do. Every verb raises Refused, and changes nothing then.

    A destination that the settings name no more (an orphan) may only be let go of, letter by
    letter.
    """

    def __init__(self, store: redis.Redis, settings: Settings, who: str) -> None:
        self._store = store
        self._settings = settings
        self.who = who

    def pause(self, destination: str, reason: str = "") -> bool:
        """Send nothing to it until it is resumed; False when it was paused already."""
        account = self._configured(destination)
        changed = Throttle(self._store, account).pause("operator", reason)
        if changed:
            self._record(account, "paused", about=reason)
        return changed

    def resume(self, destination: str) -> Resumed:
        """End its pause, whoever made it."""
        account = self._configured(destination)
        throttle = Throttle(self._store, account)
        before = throttle.state()
        pause = ": ".join(filter(None, (before.paused_by, before.paused_why)))
        ended = throttle.resume()
        if ended:
            self._record(account, "resumed", about=pause)
        return Resumed(ended, pause)

    def edit(self, destination: str, letter: str, event: bytes) -> Opened:
        """Give a letter another event; nothing is sent until it is replayed."""
        account = self._configured(destination)
        accepts = KINDS[account.kind].accepts
        with refusals():
            edited = DeadLetters(self._store, account).edit(letter, event, accepts)
        if edited is None:
            raise no_letter(account.id, letter)
        self._record(account, "edited", about=letter)
        return edited

    def replay_survey(
        self, destination: str, chosen: Chosen, looked: Callable[[int], None] = unheard
    ) -> Survey:
        """What a replay would take; give it to `replay`, so that it takes no more.

        `looked` hears at how many letters a scan has looked, and may end it with an exception.
        """
        account = self._configured(destination)
        with refusals():
            return Replays(self._store, account).dry_run(chosen, looked)

    def replay(
        self,
        destination: str,
        chosen: Chosen,
        rate: float | None = None,
        survey: Survey | None = None,
    ) -> Replay:
        """Begin to send letters again, at most so many a second; the tick does the rest."""
        account = self._configured(destination)
        with refusals():
            replays = Replays(self._store, account)
            survey = survey or replays.dry_run(chosen)
            if not survey.count:
                raise Conflict("nothing_to_replay", nothing(survey))
            begun = replays.begin(chosen, rate, self.who, survey)
        self._record(account, "replay began", begun.total, f"{begun.id}: {described(chosen)}")
        return begun

    def cancel(self, replay: str) -> Replay:
        """Move no more of its letters; what is under way goes on. A second time is the same."""
        account, found = self.found_replay(replay)
        replays = Replays(self._store, account)
        if not replays.cancel(replay):
            raise Conflict("replay_ended", f"replay {replay} is {found.state}")
        if found.state == "running":
            self._record(account, "replay cancelled", found.total - found.replayed, replay)
        return replays.one(replay) or found

    def found_replay(self, replay: str) -> tuple[DestinationSettings, Replay]:
        """The replay of this id and whose it is. Raises Absent."""
        for account in known(self._store, self._settings):
            if found := Replays(self._store, account).one(replay):
                return account, found
        why = "the newest 100 of a destination are kept"
        raise Absent("unknown_replay", f"there is no replay {replay}: {why}")

    def discard_survey(
        self, destination: str, chosen: Chosen, looked: Callable[[int], None] = unheard
    ) -> DiscardSurvey:
        """What a discard would take; give it to `discard`, so that it takes no more."""
        return surveyed(DeadLetters(self._store, self.account(destination)), chosen, looked)

    def discard(
        self,
        destination: str,
        chosen: Chosen,
        end: End = "discarded",
        survey: DiscardSurvey | None = None,
        progress: Callable[[int], None] = unheard,
    ) -> int:
        """Let go of letters for good, of no more than the survey counted; how many.

        That it began is on record before the first goes, and what was done even when an exception
        ends it, one of `progress` too, which hears how many are gone by now.
        """
        account = self.account(destination)
        letters = DeadLetters(self._store, account)
        survey = survey or surveyed(letters, chosen)
        if not survey.count:
            return 0
        as_, about, done = _AS[end], taken(chosen, survey), 0

        def looked(_count: int) -> None:
            progress(done)

        self._record(account, f"discard{as_} began", survey.count, about)
        try:
            for step in discarded(letters, chosen, survey, end, looked):
                done += step
                progress(done)
        finally:
            self._record(account, f"discarded{as_}", done, about if done else described(chosen))
        return done

    def add_rule(self, destination: str, rule: Rule) -> RuleAdded:
        """It holds from the next events on; unmapped ones are tried in the background."""
        account = self._ruled(destination)
        if why := KINDS[account.kind].unruled(account):
            raise Conflict("no_rules_apply", f"no rule applies to {account.id}, which has {why}")
        with refusals():
            kept = Rules(self._store, account.id).add(rule)
        self._record(account, "rule added", about=f"{rule.id}: {rule.feature}")
        return RuleAdded(kept, UnmappedEvents(self._store, account.id).count())

    def remove_rule(self, destination: str, rule: str) -> None:
        """Forget a rule; what it has matched stays as it is."""
        account = self._ruled(destination)
        with refusals():
            removed = Rules(self._store, account.id).remove(rule)
        if not removed:
            raise Absent("unknown_rule", f"{account.id} has no rule {rule}")
        self._record(account, "rule removed", about=rule)

    def resolve(self, destination: str, flags: Sequence[str]) -> Resolved:
        """Let go of flags, for somebody has done what they say."""
        account = self.account(destination)
        kept = Flags(self._store, account.id)
        found = {id_: kept.resolve(id_) for id_ in flags}
        resolved = tuple(one for one in found.values() if one is not None)
        if resolved:
            about = ", ".join(f"{one.about} of {one.user}" for one in resolved)
            self._record(account, "resolved", len(resolved), about)
        return Resolved(resolved, tuple(id_ for id_, one in found.items() if one is None))

    def account(self, destination: str) -> DestinationSettings:
        """The destination of this id, an orphan too. Raises Absent."""
        named = self._settings.destinations.get(destination)
        account = named or orphan(self._store, destination)
        if account is None:
            expected = ", ".join(self._settings.destinations)
            told = f"there is no destination {destination}; expected one of: {expected}"
            raise Absent("unknown_destination", told)
        return account

    def _configured(self, destination: str) -> DestinationSettings:
        account = self.account(destination)
        if destination not in self._settings.destinations:
            told = f"the settings name no destination {destination}: nothing can be sent to it"
            raise Conflict("orphaned", told)
        return account

    def _ruled(self, destination: str) -> DestinationSettings:
        account = self._configured(destination)
        if not KINDS[account.kind].ruled:
            raise Conflict("no_rules_apply", f"{account.id} has no mapping rules")
        return account

    def _record(
        self, account: DestinationSettings, what: str, count: int = 1, about: str = ""
    ) -> None:
        Actions(self._store, account.id).record(self.who, what, count, about)
