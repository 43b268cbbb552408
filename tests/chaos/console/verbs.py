"""Every read verb that command line, API and pages use, with the worst that may be asked."""

from collections.abc import Callable, Iterator

import redis

from app import overview, presence, settled, shown
from app.actions import Actions
from app.clock import milliseconds
from app.counters import tally
from app.dead_letters import DeadLetters, Filter
from app.flags import PAGE_MAX, Flags, Place
from app.log import Log
from app.mapping import Rule
from app.replays import Replays
from app.retries import Retries
from app.rules import Rules
from app.settings import DestinationSettings
from app.trace import Wanted, traces
from app.unmapped import UnmappedEvents
from tests.chaos.console.loading import KABLE, KANA, SOURCES

Verb = tuple[str, Callable[[], object]]

MONTH_MS = 30 * 86_400_000
DAY_MS = 86_400_000


def reads(store: redis.Redis) -> Iterator[Verb]:
    yield from _whole(store)
    yield from _retries(store)
    yield from _letters(store)
    yield from _replays(store)
    yield from _kana(store)
    yield from _traces(store)


def _whole(store: redis.Redis) -> Iterator[Verb]:
    since = presence.alive_since(milliseconds())
    for account in (KABLE, KANA):
        yield f"standing {account.id}", lambda a=account: overview.standing_of(store, a, since)
        log = Log(store, account)
        yield f"census {account.id}", log.census
    log = Log(store, KABLE)
    yield "ledger, 7 days", lambda: log.days(7)
    yield "ledger, 400 days", lambda: log.days(400)
    yield "sweep", log.sweep
    yield "settled", lambda: list(settled.newest(store, KANA.id, 500))
    yield "actions", lambda: Actions(store, KABLE.id).newest(1_000)
    yield "shown", lambda: shown.newest(store, KABLE.id)
    for source in SOURCES[:1]:
        yield "counters", lambda s=source: tally(store, s)
    yield (
        "presence",
        lambda: (
            presence.live_queues(store, since),
            presence.live_processes(store, since),
            presence.ticking(store, since),
        ),
    )


def _retries(store: redis.Redis) -> Iterator[Verb]:
    for account in (KABLE, KANA):
        retries = Retries(store, account.id, Log(store, account).layout.total)
        deep = retries.page(None, 5_000).cursor
        yield f"retries {account.id}", lambda r=retries: r.page(None, 50)
        yield f"retries {account.id}, 500", lambda r=retries: r.page(None, 500)
        yield f"retries {account.id}, deep", lambda r=retries, d=deep: r.page(d, 50)


def filters() -> Iterator[tuple[str, Filter]]:
    now = milliseconds()
    yield "all", Filter()
    for reason in ("rejected", "exhausted", "poison", "untransformable"):
        yield f"reason {reason}", Filter(reason=reason)
    yield "event, one in five", Filter(event="Search")
    yield "event, one in 100,000", Filter(event="Rare")
    yield "event, none", Filter(event="No such")
    yield "user, one in twenty", Filter(user="u-many")
    yield "user, the oldest letter", Filter(user="u-1")
    yield "user, none", Filter(user="nobody")
    yield "message id", Filter(message_id="m-1")
    yield "message id, none", Filter(message_id="nothing")
    yield "a day", Filter(since=now - 11 * DAY_MS, until=now - 10 * DAY_MS)
    yield (
        "a day, reason",
        Filter(since=now - 11 * DAY_MS, until=now - 10 * DAY_MS, reason="rejected"),
    )
    yield "a day, none", Filter(since=now - 2 * MONTH_MS, until=now - MONTH_MS - DAY_MS)
    yield "reason, user", Filter(reason="rejected", user="u-10")
    yield "reason, event", Filter(reason="exhausted", event="Rare")


def _letters(store: redis.Redis) -> Iterator[Verb]:
    letters = DeadLetters(store, KABLE)
    yield "groups", letters.groups
    yield "groups of a reason", lambda: letters.groups("rejected")
    groups = letters.groups()
    largest, smallest = max(groups, key=lambda g: g.count), min(groups, key=lambda g: g.count)
    named = [
        *filters(),
        ("largest group", Filter(group=largest.id)),
        ("smallest group", Filter(group=smallest.id)),
        ("group of others", Filter(group="other-rejected")),
        ("largest group, user", Filter(group=largest.id, user="nobody")),
    ]
    deep = str(1_000 * (milliseconds() - 20 * DAY_MS))
    for name, filter_ in named:
        yield f"letters: {name}", lambda f=filter_: letters.page(f)
        yield f"letters: {name}, 500", lambda f=filter_: letters.page(f, None, 500)
        yield f"letters: {name}, deep", lambda f=filter_: letters.page(f, deep)
        yield f"count: {name}", lambda f=filter_: letters.count(f)
    sample = letters.page(Filter()).items[0].id
    yield "letter", lambda: letters.open(sample)


def _replays(store: redis.Redis) -> Iterator[Verb]:
    replays = Replays(store, KABLE)
    yield "replays", replays.newest
    for name, filter_ in filters():
        yield f"dry run: {name}", lambda f=filter_: replays.dry_run(f)
    ids = [one.id for one in DeadLetters(store, KABLE).page(Filter(), None, 10_000).items]
    yield "dry run: 10,000 ids", lambda: replays.dry_run(ids)


def _kana(store: redis.Redis) -> Iterator[Verb]:
    unmapped, flags = UnmappedEvents(store, KANA.id), Flags(store, KANA.id)
    middle = _middle(flags)
    yield "unmapped", unmapped.page
    yield "unmapped, 500", lambda: unmapped.page(None, 500)
    yield "unmapped groups", unmapped.groups
    yield "trial of a rule", lambda: unmapped.trial(Rule(id="r", feature="f", event="Call"))
    yield "trial, nothing", lambda: unmapped.trial(Rule(id="r", feature="f", event="No such"))
    yield "rules", lambda: Rules(store, KANA.id).kept()
    yield "flags", lambda: flags.page(None, 50)
    yield "flags, deep", lambda: flags.page(middle, 50)
    yield "flags of a user", lambda: flags.page(None, 50, "u-1")


def _middle(flags: Flags) -> Place | None:
    """A cursor behind about half of the flags."""
    after = None
    for _ in range(flags.count() // 2 // PAGE_MAX):
        after = flags.page(after, PAGE_MAX).cursor
    return after


def _traces(store: redis.Redis) -> Iterator[Verb]:
    cases: tuple[tuple[str, DestinationSettings, Wanted], ...] = (
        ("retrying", KABLE, Wanted("r-100000")),
        ("retrying, its user", KABLE, Wanted("r-100000", user="u-100000")),
        ("queued behind", KANA, Wanted("q-100001")),
        ("queued behind, its user", KANA, Wanted("q-100001", user="q-20000")),
        ("dead", KABLE, Wanted("m-5")),
        ("unmapped", KANA, Wanted("n-77")),
        ("finished", KANA, Wanted("f-199999")),
        ("finished long ago", KANA, Wanted("f-9")),
        ("unknown", KABLE, Wanted("nothing")),
        ("unknown, a user", KABLE, Wanted("nothing", user="u-many")),
    )
    for name, account, wanted in cases:
        yield f"trace: {name}", lambda a=account, w=wanted: traces(store, a, w, SOURCES)
