"""What Kana makes of raw identifies: the ten cases of its documentation, and what lies between."""

from typing import Any

import pytest

from tests.sandbox.kana_session import Account

X, Y, Z = "x@example.com", "y@example.com", "z@example.com"
Row = dict[str, Any]


def user(user_id: str | None, email: str | None = None, **given: object) -> Row:
    """Kana's User, as it is seeded and shown."""
    bare = {"id": user_id, "email": email, "billingId": None, "name": None, "metadata": {}}
    return {**bare, **given}


def stripe(email: str, user_id: str | None = None, **given: object) -> Row:
    return user(user_id, email, **{"billingId": "cus_B", "name": "Stripe", **given})


ANN = {"name": "Ann"}
# Who is there, what follows, and who is there then; id 1 is identified with X and the name Ann.
CASES: dict[str, tuple[list[Row], str, list[Row]]] = {
    "1: without an email, it is given one": (
        [user("1")],
        "updated",
        [user("1", X, **ANN)],
    ),
    "2: somebody else's email is given to it too": (
        [user("1"), user("2", X)],
        "updated",
        [user("1", X, **ANN), user("2", X)],
    ),
    "3: of the same email as somebody else, it is updated": (
        [user("1", X), user("2", X)],
        "updated",
        [user("1", X, **ANN), user("2", X)],
    ),
    "4: it shares its former email no more": (
        [user("1", Z), user("2", Z)],
        "updated",
        [user("1", X, **ANN), user("2", Z)],
    ),
    "5: new, it has the email of somebody else": (
        [user("3", X)],
        "created",
        [user("3", X), user("1", X, **ANN)],
    ),
    "6: its new email is somebody else's": (
        [user("1", Z), user("3", X)],
        "updated",
        [user("1", X, **ANN), user("3", X)],
    ),
    "7: without an email, it is merged with the import": (
        [user("1"), stripe(X)],
        "merged",
        [user("1", X, billingId="cus_B", **ANN)],
    ),
    "8: new, it is the import": (
        [stripe(X)],
        "adopted",
        [user("1", X, billingId="cus_B", **ANN)],
    ),
    "9: new, it is a duplicate where the import is not alone": (
        [stripe(X), user("2", X)],
        "created",
        [stripe(X), user("2", X), user("1", X, **ANN)],
    ),
    "10: its new email is that of an import which is not alone": (
        [user("1", Z), stripe(X), user("2", X)],
        "updated",
        [user("1", X, **ANN), stripe(X), user("2", X)],
    ),
}


@pytest.mark.parametrize(("there", "follows", "then"), CASES.values(), ids=CASES)
def test_an_identify_creates_updates_or_merges(
    kana: Account, there: list[Row], follows: str, then: list[Row]
) -> None:
    kana.seed(*there)
    assert kana.identify("1", email=X, name="Ann") == {"user": follows}
    assert kana.users() == then


@pytest.mark.parametrize(("there", "follows", "then"), CASES.values(), ids=CASES)
def test_an_import_whose_id_is_its_email_is_one_without_an_id(
    kana: Account, there: list[Row], follows: str, then: list[Row]
) -> None:
    as_ids = [[{**one, "id": one["id"] or one["email"]} for one in rows] for rows in (there, then)]
    kana.seed(*as_ids[0])
    assert kana.identify("1", email=X, name="Ann") == {"user": follows}
    assert kana.users() == as_ids[1]


# What the ten cases leave open: the fewer are joined, the better.
OPEN: dict[str, tuple[list[Row], Row, str, list[Row]]] = {
    "who has the import's email already is merged with it": (
        [user("1", X), stripe(X)],
        {"email": X},
        "merged",
        [user("1", X, billingId="cus_B", name="Stripe")],
    ),
    "who has another email is not merged on a changed one": (
        [user("1", Z), stripe(X)],
        {"email": X},
        "updated",
        [user("1", X), stripe(X)],
    ),
    "two imports of one email are ambiguous": (
        [user("1"), stripe(X), stripe(X)],
        {"email": X},
        "updated",
        [user("1", X), stripe(X), stripe(X)],
    ),
    "two billing ids are never merged": (
        [user("1", X, billingId="cus_A"), stripe(X)],
        {"email": X},
        "updated",
        [user("1", X, billingId="cus_A"), stripe(X)],
    ),
    "not even where the identify names the import's": (
        [user("1", X, billingId="cus_A"), stripe(X)],
        {"email": X, "billingUserId": "cus_B"},
        "updated",
        [user("1", X, billingId="cus_B"), stripe(X)],
    ),
    "an import is not adopted under another billing id": (
        [stripe(X)],
        {"email": X, "billingUserId": "cus_A"},
        "created",
        [stripe(X), user("1", X, billingId="cus_A")],
    ),
    "a billing id that is said takes the place of another": (
        [user("1", X, billingId="cus_A")],
        {"billingUserId": "cus_C"},
        "updated",
        [user("1", X, billingId="cus_C")],
    ),
    "what the user has stands before what the import has": (
        [user("1", name="Ann", metadata={"a": 1}), stripe(X, metadata={"b": 2})],
        {"email": X},
        "merged",
        [user("1", X, name="Ann", billingId="cus_B", metadata={"a": 1})],
    ),
    "what it has not comes from the import": (
        [stripe(X, metadata={"b": 2})],
        {"email": X},
        "adopted",
        [user("1", X, name="Stripe", billingId="cus_B", metadata={"b": 2})],
    ),
    "a billing id does not make an import of who has an id": (
        [user("2", X, billingId="cus_B")],
        {"email": X},
        "created",
        [user("2", X, billingId="cus_B"), user("1", X)],
    ),
    "an email as its id does not make an import of who has no billing id": (
        [user(X, X)],
        {"email": X},
        "created",
        [user(X, X), user("1", X)],
    ),
    "an email that is not said joins nobody": (
        [user("1", X), stripe(X)],
        {"name": "Ann"},
        "updated",
        [user("1", X, name="Ann"), stripe(X)],
    ),
    "an id alone creates a user": ([], {}, "created", [user("1")]),
    "what is null, empty or absent clears nothing": (
        [user("1", X, name="Ann", billingId="cus_A")],
        {"email": None, "name": "", "billingUserId": None},
        "updated",
        [user("1", X, name="Ann", billingId="cus_A")],
    ),
    "every other trait is left behind, billingId too": (
        [],
        {"billingId": "cus_A", "plan": "gold", "id": "2", "metadata": {"a": 1}},
        "created",
        [user("1")],
    ),
}


@pytest.mark.parametrize(("there", "traits", "follows", "then"), OPEN.values(), ids=OPEN)
def test_what_is_open_joins_as_few_as_possible(
    kana: Account, there: list[Row], traits: Row, follows: str, then: list[Row]
) -> None:
    kana.seed(*there)
    assert kana.identify("1", **traits) == {"user": follows}
    assert kana.users() == then


def test_a_merge_takes_the_usage_of_the_import_along(kana: Account) -> None:
    kana.seed(user("1"), stripe(X, X))
    kana.record(userId="1", delta=2)
    kana.record(userId=X, delta=3)
    assert kana.identify("1", email=X) == {"user": "merged"}
    assert kana.get("/_usage").json()["totals"] == {"1": {"messages": 5}}


def test_who_adopts_an_import_has_its_usage(kana: Account) -> None:
    kana.seed(stripe(X, X))
    kana.record(userId=X, delta=3)
    assert kana.identify("1", email=X) == {"user": "adopted"}
    assert kana.get("/_usage").json()["totals"] == {"1": {"messages": 3}}


@pytest.mark.parametrize(
    ("key", "value", "of"),
    [("first_time_shopper", True, "audience"), ("orders_total", 12, "trait")],
)
def test_engage_leaves_the_user_and_not_its_trait(
    kana: Account, key: str, value: object, of: str
) -> None:
    personas = {"computation_class": of, "computation_key": key, "namespace": "spa_1"}
    traits = {key: value, "email": X}
    context = {"personas": personas}
    answer = kana.event(type="identify", userId="1", traits=traits, context=context)
    assert (answer, kana.users()) == ({"user": "created"}, [user("1", X)])


@pytest.mark.parametrize("trait", ["name", "email", "billingUserId"])
def test_a_trait_that_is_no_text_is_refused(kana: Account, trait: str) -> None:
    event = {"type": "identify", "userId": "1", "traits": {trait: 7}}
    answer = kana.post("/segment/events", json=event)
    message = f"traits.{trait}: expected a text, got 7"
    assert (answer.status_code, answer.json(), kana.users()) == (400, {"message": message}, [])


def test_who_has_no_billing_id_and_who_shares_an_email_is_flagged(kana: Account) -> None:
    bob, imported, ann = user("2", X, billingId="cus_A"), stripe(X), user("1", X)
    kana.seed(bob, imported, user("3", Y, billingId="cus_C"))
    kana.identify("1", email=X)
    assert kana.get("/_flags").json() == {
        "items": [
            {"flag": "no_billing_id", "email": X, "users": [ann]},
            {"flag": "shared_email", "email": X, "users": [bob, imported, ann]},
        ]
    }


def test_a_former_email_is_shared_no_more(kana: Account) -> None:
    kana.seed(user("1", Z, billingId="cus_A"), user("2", Z, billingId="cus_B"))
    kana.identify("1", email=X)
    assert kana.get("/_flags").json() == {"items": []}


def test_a_merge_ends_the_flags_of_both(kana: Account) -> None:
    kana.seed(user("1", X), stripe(X))
    kana.identify("1", email=X)
    assert kana.get("/_flags").json() == {"items": []}


def test_the_admin_api_shows_imports_that_have_an_id_and_renames_them(kana: Account) -> None:
    kana.seed(stripe(X), stripe(Y, Y))
    assert kana.ask("{ users { id } }") == {"data": {"users": [{"id": Y}]}}
    rename = 'mutation m($id: String!) { updateUser(id: $id, input: {id: "2"}) { id email } }'
    assert kana.ask(rename, id=Y) == {"data": {"updateUser": {"id": "2", "email": Y}}}
    assert kana.users() == [stripe(X), stripe(Y, "2")]


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([user("")], "User id must not be empty"),
        ([user(None, X)], "A user without id needs a billingId"),
        ([user("1"), user("1")], "Expected each id once"),
        ([user("0"), user("2")], "User '2' already exists"),
    ],
)
def test_users_who_cannot_be_are_not_imported(
    kana: Account, users: list[Row], message: str
) -> None:
    kana.seed(user("2"))
    answer = kana.post("/_users", json={"items": users})
    error = {"code": "invalid", "message": message, "field": "items"}
    assert (answer.status_code, answer.json()) == (422, {"error": error})
    assert kana.users() == [user("2")]
