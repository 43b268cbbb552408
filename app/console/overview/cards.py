"""What the overview says of a destination, in the order in which it says it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from app.billing import Backlog, day_cut, overrun_s
from app.console.watch import Look
from app.console.widgets import address, length, whole
from app.destinations import KINDS
from app.ledger import Census
from app.settings.durations import spelled
from app.standing import Standing, Word, backlog_high, state
from app.timestamps import instant

Tone = Literal["", "fair", "bad"]

LESS_THAN_TEN: Final = 10


@dataclass(frozen=True, slots=True)
class Number:
    """A count, how it changes a second, and where that which is counted is listed."""

    name: str
    count: str
    flow: str
    address: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something else about a destination; empty words say that there is nothing to say."""

    name: str
    words: str
    tone: Tone = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A destination: `configured` that the settings name it, so that it may be paused."""

    id: str
    kind: str
    state: Word
    reason: str
    configured: bool
    numbers: tuple[Number, ...]
    facts: tuple[Fact, ...]


def cards(look: Look, earlier: Look | None) -> list[Card]:
    """A card for each destination; what flows a second is seen against the earlier look."""
    before = {one.account.id: one for one in earlier.standings} if earlier else {}
    seconds = (look.at - earlier.at) / 1000 if earlier else 0.0
    return [
        card(one, look.at, Flow(one.census, before.get(one.account.id), seconds), look.pausers)
        for one in look.standings
    ]


class Flow:
    """What has changed a second since an earlier look, by the names of the census."""

    def __init__(self, now: Census, before: Standing | None, seconds: float) -> None:
        self._now, self._before, self._seconds = now, before, seconds

    def __call__(self, name: str) -> float | None:
        if self._before is None or self._seconds <= 0:
            return None
        change = getattr(self._now, name) - getattr(self._before.census, name)
        return float(change) / self._seconds

    @property
    def finished(self) -> float | None:
        """How many leave the log a second, which is what a backlog goes by."""
        flows = [self(name) for name in ("delivered", "skipped", "dead", "unmapped")]
        return None if None in flows else max(0.0, sum(filter(None, flows)))


def card(standing: Standing, now: int, flow: Flow, pausers: Mapping[str, str]) -> Card:
    account = standing.account
    return Card(
        account.id,
        account.kind,
        state(standing)[0],
        reason(standing, now, pausers.get(account.id, "")),
        standing.configured,
        tuple(_numbers(standing, now, flow)),
        tuple(_facts(standing, now, flow)),
    )


def reason(standing: Standing, now: int, who: str = "") -> str:
    """Why it does not just deliver, for one who has the button that ends a pause beside it."""
    throttle, (word, told) = standing.throttle, state(standing)
    if word == "paused":
        since = "" if throttle.paused_at is None else f" {_ago(throttle.paused_at, now)}"
        why = f": {throttle.paused_why}" if throttle.paused_why else ""
        return f"by {pauser(standing, who)}{since}{why}{_cure(standing)}"
    if word == "throttled" and throttle.cause == "rate" and not throttle.failures:
        return f"its rate of {_rate(standing.rate)} is used up"
    if word in ("broken", "throttled") and throttle.held_until is not None:
        opens = f"until {_clock(throttle.held_until)}, {_in(throttle.held_until, now)}"
        held = "breaker open" if word == "broken" else "held"
        return f"{held} {opens}: {throttle.held_why}"
    return told


def pauser(standing: Standing, who: str = "") -> str:
    """Who paused it, by name where that is on record."""
    return who or ("an operator" if standing.throttle.paused_by == "operator" else "the relay")


def flow_words(flow: float | None, *, signed: bool = False) -> str:
    """A count a second, as a person reads it; of what stands rather than flows the change."""
    if flow is None:
        return ""
    size = abs(flow)
    told = f"{size:,.1f}/s" if size < LESS_THAN_TEN else f"{size:,.0f}/s"
    if not signed:
        return "0/s" if not size else told
    return "" if told == "0.0/s" else f"{'+' if flow > 0 else '-'}{told}"


def _numbers(standing: Standing, now: int, flow: Flow) -> Iterator[Number]:
    id_, census = standing.account.id, standing.census
    own = address(f"/destinations/{id_}")

    def list_(path: str) -> str:
        return address(path, destination=id_)

    def flows(name: str, to: str) -> Number:
        return Number(name, whole(getattr(census, name)), flow_words(flow(name)), to)

    def stands(name: str, to: str, tone: Tone) -> Number:
        count = getattr(census, name)
        change = flow_words(flow(name), signed=True)
        return Number(name, whole(count), change, to, tone if count else "")

    high: Tone = "fair" if backlog_high(standing, now) else ""
    yield flows("accepted", own)
    yield flows("delivered", own)
    yield stands("waiting", own, high)
    yield stands("retrying", list_("/retries"), "fair")
    yield stands("dead", list_("/dead-letters"), "bad")
    yield stands("unconfirmed", list_("/unconfirmed"), "bad")
    kind = KINDS.get(standing.account.kind)
    if kind is None or kind.ruled or census.unmapped:
        yield stands("unmapped", list_("/unmapped"), "fair")
    yield flows("skipped", own)


def _facts(standing: Standing, now: int, flow: Flow) -> Iterator[Fact]:
    account, census, latency = standing.account, standing.census, standing.latency
    yield Fact("backlog", *_backlog(standing, now))
    p50, p95 = ("-" if ms is None else length(ms / 1000) for ms in (latency.p50, latency.p95))
    yield Fact("latency", "" if latency.p50 is None else f"half within {p50}, 95 % within {p95}")
    yield Fact("rate", *_limit(standing))
    yield Fact("pumps", f"{census.pumps} of {account.pumps} at work")
    flags = address("/flags", destination=account.id)
    told = "" if not census.flags else f"{whole(census.flags)} to be done by hand"
    yield Fact("flags", told, "fair", flags)
    dry = "nothing is sent: what comes is shown and skipped for good" if account.dry_run else ""
    yield Fact("dry run", dry, "fair")
    nowhere = f"{census.unaccounted:,}: accepted and in no place, see docs/operations.md"
    yield Fact("unaccounted", nowhere if census.unaccounted else "", "bad")
    yield Fact("billing", _billing(standing, now, flow), "fair")


def _backlog(standing: Standing, now: int) -> tuple[str, Tone]:
    """Beside its marks, where it has crossed one."""
    account, census = standing.account, standing.census
    if not census.waiting:
        return "nothing waits", ""
    oldest = "" if census.oldest_ms is None else length(max(0, now - census.oldest_ms) / 1000)
    told = f"{census.waiting:,} wait" + (f", the oldest for {oldest}" if oldest else "")
    marks = f"marks: {account.backlog_mark:,} and {spelled(account.backlog_age_mark)}"
    return f"{told} ({marks})", "fair" if backlog_high(standing, now) else ""


def _limit(standing: Standing) -> tuple[str, Tone]:
    limited, set_ = standing.throttle.limited_rate, standing.account.rate
    if limited is None:
        return (f"at most {_rate(set_)}" if set_ else "no limit"), ""
    usual = f"instead of {_rate(set_)}" if set_ else "where no limit is set"
    return f"at most {_rate(limited)} after 429s, {usual}", "fair"


def _billing(standing: Standing, now: int, flow: Flow) -> str:
    """Whether what waits would come after the next cut of a destination that has one."""
    kind, census = KINDS.get(standing.account.kind), standing.census
    if kind is None or not kind.grace or not census.waiting:
        return ""
    moment = datetime.fromtimestamp(now / 1000, UTC)
    oldest = None if census.oldest_ms is None else census.oldest_ms / 1000
    since = None if oldest is None else datetime.fromtimestamp(oldest, UTC)
    stopped = state(standing)[0] in ("paused", "broken", "unattended", "orphaned")
    cut = day_cut(moment, kind.grace)
    backlog = Backlog(census.waiting, since, 0.0 if stopped else flow.finished)
    if (overrun_s(cut, backlog, moment) or 0.0) <= 0:
        return ""
    closes = f"{cut.closes:%d %B %H:%M} UTC"
    return f"what waits comes too late for periods that end today unless it flows before {closes}"


def _cure(standing: Standing) -> str:
    """What to look at before the pause is ended."""
    if standing.renewed:
        return ". The credentials have changed since: resume it."
    match standing.throttle.paused_cause:
        case "credentials":
            return ". Mend the credentials, then resume it: it is probed first."
        case "refusals":
            return ". Look at its dead letters before you resume it."
        case _:
            return ""


def _rate(rate: float | None) -> str:
    return f"{rate or 0:,.12g}/s"


def _clock(ms: int) -> str:
    return f"{instant(ms)[11:19]} UTC"


def _in(ms: int, now: int) -> str:
    seconds = round(max(0, ms - now) / 1000)
    return f"in {length(seconds)}" if seconds else "now"


def _ago(ms: int, now: int) -> str:
    seconds = round(max(0, now - ms) / 1000)
    return f"{length(seconds)} ago" if seconds else "just now"
