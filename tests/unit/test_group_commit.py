import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import pytest
import redis

from app.append import Admission, Appended
from app.ingest.group_commit import GroupCommit, NotStoredError

Admissions = Mapping[str, Sequence[Admission]]
WAIT = timedelta(seconds=1)


def one(id_: str, *, size: int = 2, destination: str = "usage") -> dict[str, list[Admission]]:
    return {destination: [Admission(id_, "web", "u", b"x" * size)]}


class Store:
    """Keeps what is appended; before that it does as `meet` says, once per round."""

    def __init__(self, meet: Callable[[list[str]], Awaitable[None]] | None = None) -> None:
        self.rounds: list[list[str]] = []
        self._meet = meet
        self._seen: set[str] = set()

    async def append(self, admissions: Admissions) -> dict[str, Appended]:
        ids = [admission.id for group in admissions.values() for admission in group]
        self.rounds.append(ids)
        await asyncio.sleep(0)
        if self._meet is not None:
            await self._meet(ids)
        return {name: self._appended(group) for name, group in admissions.items()}

    def _appended(self, group: Sequence[Admission]) -> Appended:
        duplicates = {i for i, admission in enumerate(group) if admission.id in self._seen}
        self._seen |= {admission.id for admission in group}
        return Appended(frozenset(duplicates), wake=True)


def commits(store: Store, *, bytes_max: int = 1000) -> GroupCommit:
    return GroupCommit(store.append, lambda _: None, wait=WAIT, bytes_max=bytes_max)


def test_requests_that_come_during_a_round_share_the_next_one() -> None:
    store = Store()

    async def scenario() -> None:
        commit = commits(store)
        first = asyncio.create_task(commit.commit(one("a")))
        while not store.rounds:
            await asyncio.sleep(0)
        await asyncio.gather(first, *(commit.commit(one(id_)) for id_ in "bcd"))

    asyncio.run(scenario())
    assert store.rounds == [["a"], ["b", "c", "d"]]


def test_each_request_learns_of_its_own_duplicates() -> None:
    async def scenario() -> list[dict[str, frozenset[int]]]:
        commit = commits(Store())
        await commit.commit(one("b"))
        two = {"usage": [*one("c")["usage"], *one("b")["usage"]]}
        return list(await asyncio.gather(commit.commit(one("a")), commit.commit(two)))

    assert asyncio.run(scenario()) == [{}, {"usage": frozenset({1})}]


def test_a_round_is_bounded_by_admissions_and_bytes() -> None:
    store = Store()
    half = 3 * 1024 * 1024

    async def scenario() -> None:
        commit = commits(store, bytes_max=10 * half)
        many = {"usage": [Admission(str(i), "web", "u", b"x") for i in range(900)]}
        requests = [one("a", size=half), one("b", size=half), many, one("c"), many]
        await asyncio.gather(*map(commit.commit, requests))

    asyncio.run(scenario())
    assert [len(ids) for ids in store.rounds] == [1, 902, 900]


def test_a_request_that_the_store_refuses_spoils_no_other() -> None:
    async def refuse_poison(ids: list[str]) -> None:
        if "poison" in ids:
            raise redis.ResponseError("refused")

    async def scenario() -> list[object]:
        commit = commits(Store(refuse_poison))
        ids = [*"abcd", "poison", *"efgh"]
        waiting = (commit.commit(one(id_)) for id_ in ids)
        return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(scenario())
    assert [outcome == {} for outcome in outcomes] == [True] * 4 + [False] + [True] * 4
    assert isinstance(outcomes[4], NotStoredError)


def test_a_store_that_comes_back_in_time_is_waited_for() -> None:
    failures = iter([redis.ConnectionError(), redis.TimeoutError(), OSError()])

    async def fail_thrice(_: list[str]) -> None:
        if error := next(failures, None):
            raise error

    assert asyncio.run(commits(Store(fail_thrice)).commit(one("a"))) == {}


def test_a_store_that_hangs_is_not_waited_for_longer_than_set() -> None:
    async def hang(_: list[str]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(NotStoredError):
        asyncio.run(commits(Store(hang)).commit(one("a")))


def test_more_than_the_bound_of_waiting_bytes_is_refused_at_once() -> None:
    store = Store()

    async def scenario() -> list[object]:
        commit = commits(store, bytes_max=10)
        waiting = [commit.commit(one(id_, size=6)) for id_ in "ab"]
        return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(scenario())
    assert (outcomes[0], type(outcomes[1]), store.rounds) == ({}, NotStoredError, [["a"]])


def test_a_request_whose_caller_left_during_its_round_is_committed_with_the_others() -> None:
    entered = asyncio.Event()
    proceed = asyncio.Event()

    async def wait(_: list[str]) -> None:
        entered.set()
        await proceed.wait()

    store = Store(wait)

    async def scenario() -> object:
        commit = commits(store)
        left, stays = (asyncio.create_task(commit.commit(one(id_))) for id_ in "ab")
        await entered.wait()
        left.cancel()
        proceed.set()
        return await stays

    assert (asyncio.run(scenario()), store.rounds) == ({}, [["a", "b"]])


def test_a_destination_that_asks_for_a_wake_gets_one() -> None:
    woken: list[str] = []

    async def scenario() -> None:
        commit = GroupCommit(Store().append, woken.append, wait=WAIT)
        await commit.commit(one("a") | one("a", destination="limits"))

    asyncio.run(scenario())
    assert woken == ["usage", "limits"]
