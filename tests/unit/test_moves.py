"""What the store is given at once: no more than it records in a few milliseconds."""

from app.delivery import Delivery
from app.moves import Head, Settlement, portions
from app.unmapped.kept import Parked
from app.unmapped.remapping import Portion

DELIVERY = Delivery("m", "web", "u", b"{}", 0)
HEAD = Head(0, "log", "1-1", DELIVERY)
DONE = Settlement(HEAD, "delivered")
BURIED = Settlement(HEAD, "bury", payload=b"p", letter=b"l")
PUT_OFF = Settlement(HEAD, "retry", 1_000, b"p")
FLAGGED = Settlement(HEAD, "delivered", payload=b"p")


def test_what_the_store_has_to_keep_is_settled_in_smaller_portions() -> None:
    assert [len(some) for some in portions([DONE] * 1_001)] == [500, 500, 1]
    assert [len(some) for some in portions([BURIED] * 251)] == [125, 125, 1]
    assert [len(some) for some in portions([PUT_OFF] * 100 + [DONE] * 101)] == [200, 1]
    assert [len(some) for some in portions([FLAGGED] * 26)] == [25, 1]
    assert list(portions([])) == []


def test_portions_keep_the_order() -> None:
    mixed = [DONE, BURIED, PUT_OFF] * 100
    assert [one for some in portions(mixed) for one in some] == mixed


def test_the_pieces_of_a_portion_add_up_to_it() -> None:
    parked = [(Parked(f"0-{n}", 10 * n, DELIVERY), 2 * n) for n in range(1, 61)]
    whole = Portion("end", 150, parked)
    assert list(whole.pieces()) == [
        Portion("250", 50, parked[:25]),
        Portion("500", 50, parked[25:50]),
        Portion("end", 50, parked[50:]),
    ]
    assert list(Portion("9", 7, ()).pieces()) == [Portion("9", 7, ())]
