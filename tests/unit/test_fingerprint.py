"""What failed alike falls into one group, and what failed otherwise does not."""

import pytest
from structlog.testing import capture_logs

from app.burials import Burials
from app.delivery import Delivery
from app.fingerprint import PATTERN_LENGTH_MAX, fingerprint, pattern
from app.moves import Head
from app.verdict import buried_unsent


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user 17 is unknown", "user 1042 is unknown"),
        ("took 1.5 s of 10", "took 12.75 s of 10"),
        ('clientId "acme" is unknown', 'clientId "globex corp" is unknown'),
        ("clientId 'acme' is unknown", "clientId '' is unknown"),
        ("feature `calls` is off", "feature `seats` is off"),
        ("no user cus_8sKq2", "no user cus_99xYz1"),
        (
            "trace 6f1c9c1e-5a53-4c1f-8f0e-2f8f1b9b5a11 failed",
            "trace 0B0E7A52-1111-2222-3333-444455556666 failed",
        ),
        ("ann@example.com is taken", "bob.b+x@example.co.uk is taken"),
        ("see https://docs.example.com/e/1?x=y", "see http://other.example/z"),
        ("(X-REQUEST-ID 4d2a91)", "(X-REQUEST-ID 77fe0c)"),
    ],
)
def test_messages_that_differ_in_ids_numbers_and_quotes_are_alike(one: str, other: str) -> None:
    assert fingerprint("rejected", 400, one) == fingerprint("rejected", 400, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("rejected", 400, "unknown user"), ("rejected", 400, "unknown feature")),
        (("rejected", 400, "unknown user"), ("rejected", 422, "unknown user")),
        (("rejected", 400, "unknown user"), ("exhausted", 400, "unknown user")),
        (("rejected", None, "unknown user"), ("rejected", 0, "unknown user")),
        (("rejected", 400, "userId: expected text"), ("rejected", 400, "clientId: expected text")),
        (("rejected", 400, ""), ("rejected", 400, "no")),
    ],
)
def test_different_faults_are_different_groups(
    one: tuple[str, int | None, str], other: tuple[str, int | None, str]
) -> None:
    assert fingerprint(*one) != fingerprint(*other)


def test_a_long_message_is_told_by_its_beginning() -> None:
    assert len(pattern("word " * 10_000)) == PATTERN_LENGTH_MAX
    assert pattern("a b " * 100 + "one") == pattern("a b " * 100 + "other")


def test_of_a_flood_that_fails_alike_a_pump_logs_the_first_and_the_number_of_the_others() -> None:
    burials = Burials("kable")
    with capture_logs() as lines:
        for number in range(1_000):
            tried = Delivery(f"m-{number}", "web", "u", b"{}", 0)
            why = "no plan" if number == 500 else f"no user {number}"
            head = Head(0, "log", f"{number}-0", tried)
            burials.tell([buried_unsent(head, "rejected", why, 0)])
        burials.finish()
    told = [(line["event"], line.get("message_id"), line.get("count")) for line in lines]
    assert told == [
        ("delivery.buried", "m-0", None),
        ("delivery.buried", "m-500", None),
        ("deliveries.buried", None, 998),
    ]
