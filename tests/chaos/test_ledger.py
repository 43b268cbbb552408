"""The books show what went wrong, so that a run of chaos can fail."""

from typing import cast

import redis
from pydantic import SecretStr

from app.append import Admission
from app.destinations.kable import KableAccount
from app.keys import destination_key
from app.log import Log
from tests.chaos import audit
from tests.chaos.ledger import Books, Verdict, summary, verdict
from tests.chaos.shown import Shown, applied

NOTHING: frozenset[str] = frozenset()
WELL = Verdict(NOTHING, NOTHING, NOTHING)


def test_all_is_well_when_everything_confirmed_was_billed_once_or_lies_dead() -> None:
    books = Books(confirmed={"a", "b"}, billed=["a"], dead={"b": "exhausted"})
    assert (verdict(books), verdict(books).good) == (WELL, True)
    assert summary([WELL, WELL]) == "chaos: lost 0, stuck 0, billed twice 0"


def test_what_was_confirmed_and_is_nowhere_is_lost() -> None:
    found = verdict(Books(confirmed={"a", "b"}, billed=["a"]))
    assert (found.lost, found.good) == (frozenset("b"), False)
    assert summary([WELL, found]) == "chaos: lost 1, stuck 0, billed twice 0"


def test_what_was_never_confirmed_may_be_billed_or_not() -> None:
    assert verdict(Books(confirmed={"a"}, unconfirmed={"b"}, billed=["a", "b"])).good


def test_what_was_applied_or_nothing_maps_is_not_lost() -> None:
    assert verdict(Books(confirmed={"a", "b"}, billed=[], applied={"a"}, unmapped={"b"})).good


def test_what_still_waits_or_is_to_be_retried_is_stuck_and_not_lost() -> None:
    found = verdict(Books(confirmed={"a", "b"}, billed=[], waiting={"a"}, retrying={"b"}))
    assert (found.lost, found.stuck, found.good) == (NOTHING, frozenset("ab"), False)


def test_what_was_billed_more_than_once_is_named() -> None:
    found = verdict(Books(confirmed={"a", "b"}, billed=["a", "b", "a"]))
    assert (found.billed_twice, found.good) == (frozenset("a"), False)


def test_what_was_billed_under_an_id_that_was_never_sent_is_named() -> None:
    found = verdict(Books(confirmed={"a"}, billed=["a", "b"]))
    assert (found.strange, found.good) == (frozenset("b"), False)
    assert summary([found]) == "chaos: lost 0, stuck 0, billed twice 0, strange 1"


def test_what_may_have_been_billed_is_well_in_doubt_but_not_refused() -> None:
    dead = {"a": "unconfirmed", "b": "rejected"}
    books = Books(confirmed={"a", "b"}, billed=["a", "b"], dead=dead, once=True)
    assert verdict(books) == Verdict(NOTHING, NOTHING, NOTHING, contradicted=frozenset("b"))
    assert summary([verdict(books)]).endswith("billed twice 0, contradicted 1")


def test_where_sending_again_bills_nothing_a_billed_letter_is_well() -> None:
    assert verdict(Books(confirmed={"a"}, billed=["a"], dead={"a": "exhausted"})).good


def test_a_ledger_that_does_not_add_up_is_not_good() -> None:
    found = verdict(Books(confirmed={"a"}, billed=["a"], unaccounted=-1, swept=2))
    assert not found.good
    assert summary([found]) == "chaos: lost 0, stuck 0, billed twice 0, unaccounted 1, swept 2"


def test_the_identifies_up_to_the_one_that_named_the_user_were_applied() -> None:
    events = [
        {"type": "identify", "userId": "ann", "messageId": "1"},
        {"type": "identify", "userId": "ann", "messageId": "2"},
        {"type": "identify", "userId": "ann", "messageId": "3"},
        {"type": "identify", "userId": "bob", "messageId": "4"},
        {"type": "track", "userId": "ann", "messageId": "0"},
    ]
    assert applied(events, {"ann": "2"}) == {"1", "2"}


def test_an_entry_that_is_deleted_behind_the_back_of_the_log_is_found_lost(
    store: redis.Redis,
) -> None:
    log = Log(store, account())
    log.append([Admission(id_, "dev", "user", b"{}") for id_ in ("a", "b", "c")])
    key = destination_key("kable", "log:") + str(log.layout.partition("user"))
    [(entry, _)] = cast("list[tuple[bytes, object]]", store.xrange(key, count=1))
    store.xdel(key, entry)
    found = verdict(audit.books(store, log, "kable", {"a", "b", "c"}, lambda: Shown(["c"])))
    assert found == Verdict(frozenset("a"), frozenset("bc"), NOTHING, unaccounted=1)


def test_a_partition_that_nobody_would_wake_is_counted(store: redis.Redis) -> None:
    log = Log(store, account())
    log.append([Admission("a", "dev", "user", b"{}")])
    store.delete(destination_key("kable", "ready"))
    found = verdict(audit.books(store, log, "kable", {"a"}, lambda: Shown([])))
    assert (found.swept, found.good) == (1, False)


def account() -> KableAccount:
    return KableAccount(
        id="kable", api_key=SecretStr("sk_test.abcdefgh.secret"), kable_client_id="kci_0123"
    )
