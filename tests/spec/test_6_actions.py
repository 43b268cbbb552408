"""What operators did, over all destinations, page by page."""

import pytest
import redis

from app.actions import Actions, Place, page

NAMES = ["kable", "kana"]


def record(store: redis.Redis, number: int) -> None:
    for n in range(number):
        Actions(store, NAMES[n % 2]).record("ann", "paused", about=str(n))


def test_pages_tell_each_action_of_all_destinations_once_the_newest_first(
    store: redis.Redis,
) -> None:
    record(store, 25)
    told, cursor = [], None
    for size in (10, 10, 5):
        found = page(store, NAMES, cursor, 10)
        assert len(found.items) == size
        told += [(name, int(action.about)) for name, action in found.items]
        cursor = Place.parse(str(found.cursor)) if found.cursor else None
    assert cursor is None
    assert sorted(told, key=lambda one: one[1]) == [(NAMES[n % 2], n) for n in range(25)]
    assert [n for name, n in told if name == "kable"] == list(range(24, -1, -2))


def test_a_page_may_be_of_one_destination(store: redis.Redis) -> None:
    record(store, 4)
    assert [one.about for _, one in page(store, ["kana"], None, 10).items] == ["3", "1"]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1-2-", "1-2-K", "9" * 20 + "-1-kable"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="expected the cursor"):
        Place.parse(cursor)
