"""What goes into the next request: full, in order, and never two requests of one user at once."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.delivery import Delivery
from app.destination import Batch, Item
from app.hand import Hand, Prepared
from app.moves import Head, Place


def prepared(number: int, user: str, size: int = 10, place: Place = "log") -> Prepared:
    delivery = Delivery(f"m-{number}", "web", user, b"{}", 0)
    return Prepared(Head(0, place, f"{number}-0", delivery), Item(b"x" * size))


def hand(*waiting: Prepared, items_max: int = 3, bytes_max: int = 1000) -> Hand:
    full = Hand(Batch(items_max, bytes_max))
    for one in waiting:
        full.add(one)
    return full


def ids(chosen: Sequence[Prepared]) -> list[str]:
    return [one.head.delivery.id for one in chosen]


def test_a_request_takes_as_many_as_fit_in_their_order() -> None:
    full = hand(*(prepared(n, f"u{n}") for n in range(5)))
    assert [ids(full.take()), ids(full.take()), ids(full.take())] == [
        ["m-0", "m-1", "m-2"],
        ["m-3", "m-4"],
        [],
    ]


def test_a_request_takes_no_more_bytes_than_the_destination_does() -> None:
    full = hand(*(prepared(n, f"u{n}", size=40) for n in range(3)), bytes_max=100)
    assert [ids(full.take()), ids(full.take())] == [["m-0", "m-1"], ["m-2"]]


def test_an_item_that_is_too_large_by_itself_goes_alone() -> None:
    full = hand(prepared(0, "a", size=500), prepared(1, "b"), bytes_max=100)
    assert [ids(full.take()), ids(full.take())] == [["m-0"], ["m-1"]]


def test_a_user_under_way_waits_and_others_go_past() -> None:
    full = hand(*(prepared(n, user) for n, user in enumerate("aaaabab")))
    first = full.take()
    assert ids(first) == ["m-0", "m-1", "m-2"]
    assert ids(full.take()) == ["m-4", "m-6"]
    full.finish(first)
    assert ids(full.take()) == ["m-3", "m-5"]


def test_the_halves_of_a_refused_request_go_first_and_one_after_the_other_for_a_user() -> None:
    full = hand(*(prepared(n, "a") for n in range(3)), prepared(3, "b"))
    full.split(full.take())
    first = full.take()
    assert ids(first) == ["m-0"]
    assert ids(full.take()) == ["m-3"]
    full.finish(first)
    assert ids(full.take()) == ["m-1", "m-2"]


def test_what_was_not_sent_after_all_goes_first_again() -> None:
    full = hand(*(prepared(n, f"u{n}") for n in range(4)))
    full.put_back(full.take()[1:])
    assert ids(full.take()) == ["m-1", "m-2"]


def test_retries_in_hand_are_counted_until_they_are_finished() -> None:
    full = hand(prepared(0, "a", place="late"))
    assert full.retries(0) == 1
    full.finish(full.take())
    assert full.retries(0) == 0


def test_all_that_waits_of_a_user_can_be_withdrawn_in_order() -> None:
    full = hand(*(prepared(n, user) for n, user in enumerate("abaab")))
    full.put_back(full.take())
    assert ids(full.withdraw(prepared(9, "a").head)) == ["m-0", "m-2", "m-3"]
    assert [ids(full.take()), ids(full.take())] == [["m-1"], []]


@given(
    users=st.lists(st.sampled_from("abc"), max_size=30),
    steps=st.lists(st.sampled_from(["take", "finish", "split", "put back"]), max_size=60),
)
def test_whatever_happens_each_user_has_one_request_under_way_and_keeps_its_order(
    users: list[str], steps: list[str]
) -> None:
    full = hand(*(prepared(n, user) for n, user in enumerate(users)))
    under_way: list[Sequence[Prepared]] = []
    done: list[Prepared] = []
    for step in [*steps, *(["take", "finish"] * (len(users) + len(steps)))]:
        if step == "take":
            under_way += [chosen] if (chosen := full.take()) else []
            busy = [{one.user for one in sent} for sent in under_way]
            assert sum(map(len, busy)) == len(set().union(*busy))
        elif under_way:
            sent = under_way.pop(0)
            if step == "split" and len(sent) > 1:
                full.split(sent)
            elif step == "put back":
                full.put_back(sent)
            else:
                full.finish(sent)
                done += sent
    assert full.waiting == 0
    for user in "abc":
        mine = [int(one.head.entry.split("-")[0]) for one in done if one.user == user]
        assert mine == sorted(mine)
        assert len(mine) == users.count(user)


def bulk(number: int, user: str) -> Prepared:
    one = prepared(number, user)
    return Prepared(replace(one.head, bulk=True), one.item)


def test_live_goes_first_and_bulk_gets_a_quarter_while_both_wait() -> None:
    full = hand(
        *(bulk(n, f"u{n}") for n in range(4)),
        *(prepared(n, f"u{n}") for n in range(10, 16)),
        items_max=1,
    )
    order = []
    while sent := full.take():
        order += ids(sent)
        full.finish(sent)
    assert order == [
        *("m-10", "m-0", "m-11", "m-12", "m-13", "m-1", "m-14", "m-15"),
        *("m-2", "m-3"),
    ]


def test_turns_count_what_was_sent_and_not_what_was_asked_for() -> None:
    full = hand(
        *(bulk(n, f"u{n}") for n in range(6)), *(prepared(n, f"u{n}") for n in range(10, 16))
    )
    order = []
    for _ in range(5):
        first, second = full.take(), full.take()
        for rest in filter(None, (second, first[1:])):
            full.put_back(rest)
        full.finish(first[:1])
        order += ids(first[:1])
    assert order == ["m-10", "m-0", "m-11", "m-12", "m-13"]


def test_without_a_slot_for_bulk_only_live_goes() -> None:
    full = hand(bulk(0, "a"), prepared(1, "a"))
    assert [ids(full.take(bulk=False)), ids(full.take(bulk=False))] == [["m-1"], []]
    assert ids(full.take()) == ["m-0"]


def test_what_is_withdrawn_behind_bulk_is_bulk() -> None:
    full = hand(bulk(0, "a"), prepared(1, "a"))
    assert ids(full.withdraw(bulk(9, "a").head)) == ["m-0"]
    assert ids(full.take()) == ["m-1"]
