"""An operator reads what waits to be tried again, in the order in which it is due."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import redis

from app import delivery
from app.append import Admission
from app.delivery import Attempt
from app.log import Log
from app.moves import Head, Leased, Reading, Settlement, Verb
from app.retries import Page, Place, Retries
from app.settings import DestinationSettings
from tests.told import Clock

ACCOUNT = DestinationSettings(id="kana", kind="kana", partitions=4)
FAILED = Attempt(1_700_000_000_000, 503, "answered 503", 20)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, ACCOUNT, clock)


@pytest.fixture
def retries(store: redis.Redis) -> Retries:
    return Retries(store, "kana", ACCOUNT.partitions)


def heads(log: Log) -> Sequence[Head]:
    leased = log.lease("pump", 4)
    assert isinstance(leased, Leased)
    return log.heads("pump", [Reading(p, "", 99, 99) for p in leased.partitions]).heads


def settled(head: Head, verb: Verb, wait_ms: int = 0) -> Settlement:
    tried = delivery.Delivery(
        head.delivery.id,
        head.delivery.source,
        head.delivery.user,
        head.delivery.event,
        head.delivery.accepted_at,
        (FAILED,),
    )
    return Settlement(head, verb, wait_ms, delivery.encode(tried))


def put_off(log: Log, count: int) -> None:
    """Retries of as many users, due one after the other, the last accepted first."""
    log.append([Admission(f"m-{n}", "web", f"user-{n}", b"{}") for n in range(count)])
    waits = {f"m-{n}": 1_000 * (count - n) for n in range(count)}
    log.settle("pump", 1, [settled(one, "retry", waits[one.delivery.id]) for one in heads(log)])


def ids(page: Page) -> list[str]:
    return [one.delivery.id for one in page.retries]


def test_what_is_due_first_comes_first_whatever_its_partition(log: Log, retries: Retries) -> None:
    put_off(log, 40)
    page = retries.page(None, 100)
    assert ids(page) == [f"m-{n}" for n in reversed(range(40))]
    assert page.cursor is None


def test_pages_follow_each_other_without_a_gap(log: Log, retries: Retries) -> None:
    put_off(log, 40)
    pages = [retries.page(None, 15)]
    while pages[-1].cursor:
        pages.append(retries.page(Place.parse(str(pages[-1].cursor)), 15))
    assert [len(page.retries) for page in pages] == [15, 15, 10]
    places = [one.place for page in pages for one in page.retries]
    assert all(earlier < later for earlier, later in pairwise(places))


def test_a_retry_tells_who_when_how_often_why_and_what_waits_behind_it(
    log: Log, retries: Retries, clock: Clock
) -> None:
    log.append([Admission(f"m-{n}", "web", "user:1", b"{}") for n in range(3)])
    log.append([Admission("m-9", "web", "user:11", b"{}")])
    first, *later = (head for head in heads(log) if head.delivery.user == "user:1")
    log.settle("pump", 1, [settled(first, "block", 500), *(settled(o, "behind") for o in later)])
    [retry] = retries.page(None, 10).retries
    assert (retry.place.due, retry.behind) == (clock.now + 500, 2)
    assert (retry.delivery.id, retry.delivery.user) == ("m-0", "user:1")
    assert retry.delivery.attempts == (FAILED,)


@pytest.mark.parametrize("cursor", ["", "1.2", "x.0.1-0", "1.2.3.4"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="expected a cursor"):
        Place.parse(cursor)
