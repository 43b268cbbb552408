"""Flags are listed at the cost of what is shown, and as what is kept of them says."""

from collections.abc import Iterator, Sequence
from random import Random
from uuid import uuid4

import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.append import Admission
from app.flags import Flagged, Flags, Page, Place, packed
from app.keys import destination_key
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement
from app.outcome import Delivered, Flag
from app.settings import DestinationSettings
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kana", kind="kana", partitions=1)
USERS = ("u", "uu", "u:", "u:1", "1:u", "ü", "\0", 'u\0"\n', "<i>\u2028", "")
MATTERS = ("email", "billingId", "a:b")
KEPT, AT, NAMED = (destination_key("kana", key) for key in ("flags", "flags:at", "flags:users"))
SCANS = ("hscan", "hgetall", "hvals", "hkeys", "zscan", "scan")


@pytest.fixture
def flags(store: redis.Redis) -> Flags:
    return Flags(store, "kana")


@pytest.fixture
def log(store: redis.Redis) -> Log:
    return Log(store, ACCOUNT, Clock())


def settle(log: Log, said: Sequence[tuple[str, int, Delivered]]) -> None:
    """Deliver for each user, as an event of that moment, what it says of flags."""
    if not said:
        return
    log.append([Admission(str(uuid4()), "web", user, b"{}") for user, _, _ in said])
    assert isinstance(log.lease("pump", 1), Leased)
    heads = log.heads("pump", [Reading(0, "", len(said), 0)]).heads
    done = [_delivered(head, at, told) for head, (_, at, told) in zip(heads, said, strict=True)]
    for n in range(0, len(done), 100):
        log.settle("pump", n + 1, done[n : n + 100])
    log.release("pump")


def _delivered(head: Head, at: int, told: Delivered) -> Settlement:
    then = msgspec.structs.replace(head.delivery, accepted_at=at)
    return Settlement(head, "delivered", payload=packed(then, told))


def raised(users: Sequence[str], moments: Sequence[int]) -> list[tuple[str, int, Delivered]]:
    flag = Delivered((Flag("email", "why", "advice", "a", "b"),))
    return [(user, at, flag) for user, at in zip(users, moments, strict=True)]


def pages(flags: Flags, limit: int, user: str | None = None) -> Iterator[Page]:
    page = flags.page(None, limit, user)
    yield page
    while page.cursor is not None:
        page = flags.page(Place.parse(str(page.cursor)), limit, user)
        yield page


def listed(flags: Flags, limit: int = 500, user: str | None = None) -> list[Flagged]:
    return [one for page in pages(flags, limit, user) for one in page.flags]


def kept(store: redis.Redis) -> list[Flagged]:
    """All that the hash keeps, the newest first."""
    found = [msgspec.json.decode(one, type=Flagged) for one in store.hvals(KEPT)]
    return sorted(found, key=lambda one: (one.accepted_at, one.id), reverse=True)


def assert_named(store: redis.Redis, flags: Flags) -> None:
    """Each flag is named once by its moment and once by its user, and nothing else is."""
    all_ = kept(store)
    assert dict(store.zscan_iter(AT)) == {one.id.encode(): one.accepted_at for one in all_}
    names = [f"{len(one.user.encode())}:{one.user}:{one.id}".encode() for one in all_]
    assert sorted(store.zrange(NAMED, 0, -1)) == sorted(names)
    assert listed(flags, 3) == all_
    for user in USERS:
        assert listed(flags, 2, user) == [one for one in all_ if one.user == user]


MARK = st.tuples(
    st.sampled_from(USERS),
    st.integers(1, 4),
    st.sampled_from(["raise", "note", "lift", "resolve"]),
    st.sampled_from(MATTERS),
)


def _said(what: str, about: str) -> Delivered:
    if what == "lift":
        return Delivered((), (about,))
    return Delivered((Flag(about, "", "", shown_there=what == "note"),))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.lists(MARK, min_size=1, max_size=12), max_size=5))
def test_what_names_flags_agrees_with_what_is_kept_of_them(
    store: redis.Redis, steps: Sequence[Sequence[tuple[str, int, str, str]]]
) -> None:
    store.flushall()
    flags, log = Flags(store, "kana"), Log(store, ACCOUNT, Clock())
    for marks in steps:
        said = [(user, at, _said(what, about)) for user, at, what, about in marks]
        settle(log, [one for one, mark in zip(said, marks, strict=True) if mark[2] != "resolve"])
        for one in kept(store)[: sum(mark[2] == "resolve" for mark in marks)]:
            assert flags.resolve(one.id) == one
        assert_named(store, flags)


def test_a_page_costs_what_it_shows(store: redis.Redis, log: Log, flags: Flags) -> None:
    settle(log, raised([f"u-{n}" for n in range(2_000)], [n // 700 for n in range(2_000)]))
    middle = list(pages(flags, 500))[1].cursor
    store.config_resetstat()
    assert [len(flags.page(after, 50).flags) for after in (None, middle)] == [50, 50]
    assert [one.user for one in flags.page(None, 50, "u-7").flags] == ["u-7"]
    used = {name.removeprefix("cmdstat_"): told for name, told in _commands(store).items()}
    assert not used.keys() & set(SCANS)
    assert used["hget"]["calls"] == 101
    assert used["zrange"]["calls"] < 20


def _commands(store: redis.Redis) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = store.info("commandstats")
    return found


def test_a_cursor_stays_where_it_is_while_flags_come_and_go(log: Log, flags: Flags) -> None:
    settle(log, raised([f"u-{n}" for n in range(9)], [5, 5, 5, 5, 5, 5, 5, 4, 6]))
    before = listed(flags)
    first = flags.page(None, 4)
    assert flags.resolve(first.flags[-1].id) == first.flags[-1]
    settle(log, raised(["newer"], [7]))
    assert flags.resolve(before[5].id) == before[5]
    assert flags.page(first.cursor, 9).flags == (before[4], *before[6:])


@pytest.mark.parametrize("user", [None, "u-7"])
def test_flags_of_an_older_release_are_listed(
    store: redis.Redis, log: Log, flags: Flags, user: str | None
) -> None:
    settle(log, raised([f"u-{n}" for n in range(1_000)], Random(1).sample(range(9_999), 1_000)))
    before = listed(flags, user=user)
    store.delete(AT, NAMED)
    assert listed(flags, user=user) == before
    assert_named(store, flags)


def test_flags_that_a_pump_of_an_older_release_lifted_are_forgotten(
    store: redis.Redis, log: Log, flags: Flags
) -> None:
    settle(log, raised(USERS, range(len(USERS))))
    store.hdel(KEPT, *(one.id for one in flags.page(None, 5).flags))
    assert listed(flags) == kept(store)
    assert_named(store, flags)
