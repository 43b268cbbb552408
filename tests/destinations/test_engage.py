"""What Engage's audiences, computed traits and journey steps become at each destination.

The messages have the shapes of Segment's documentation of Engage.
"""

import json

import pytest

from app.destination import Item, Transformed, Unmapped
from app.destinations import KINDS
from app.destinations.kable import KABLE, KableAccount
from app.destinations.kana import KANA, KanaAccount
from app.destinations.kana.calls import Find, Identity, body
from app.ingest.routing import Route, Source
from app.segment import Event, members

KEY = "order_completed_last_30days"
KABLE_ACCOUNT = KableAccount.model_validate(
    {"id": "kable", "api_key": "sk_test.0.1", "kable_client_id": "kci_1"}
)
KANA_ACCOUNT = KanaAccount.model_validate({"id": "kana", "api_key": "prv_test_1"})


def message(type_: str, key: str, class_: str = "audience", **fields: object) -> Event:
    """A message of Engage to one destination, with what it computed in traits or properties."""
    personas = {
        "computation_class": class_,
        "computation_id": "aud_2aBcDeFgHiJkLmNoPqRsTuVwXyZ",
        "computation_key": key,
        "namespace": "spa_9xYzAbCdEfGhIjKlMnOpQr",
        "space_id": "spa_9xYzAbCdEfGhIjKlMnOpQr",
    }
    written = {
        "messageId": "personas_2AbCdEfGhIjKlMnOpQrStUvWxYz",
        "timestamp": "2025-07-02T16:26:57.511Z",
        "receivedAt": "2025-07-02T16:27:10.584Z",
        "integrations": {"All": False, "Webhooks": True},
        "userId": "user-1",
        "type": type_,
        "context": {
            "personas": personas,
            "library": {"name": "unknown", "version": "unknown"},
            "__segment_internal": {"creator": "engage"},
        },
        **fields,
    }
    return Event.decode(json.dumps(written).encode())


def user(event: Event) -> Transformed:
    return KANA.transform(event, KANA_ACCOUNT)


@pytest.mark.parametrize(
    ("key", "class_", "value"),
    [
        (KEY, "audience", True),
        (KEY, "audience", False),
        ("total_revenue_180_days", "trait", 450.0),
        ("last_purchase", "trait", {"sku": "a", "price": 1.10}),
        ("j_o_first_step__abc123", "journey_step", "true"),
        ("j_o_first_step__abc123", "journey_step", None),
    ],
)
def test_kana_keeps_the_user_of_an_identify_and_not_what_engage_computed(
    key: str, class_: str, value: object
) -> None:
    event = message("identify", key, class_, traits={key: value, "email": "ada@example.com"})
    known = Find(Identity("user-1", None, "ada@example.com", None))
    assert user(event) == Item(body(known), step=known)


def test_kana_keeps_the_user_of_an_identify_that_says_nothing_else() -> None:
    known = Find(Identity("user-1", None, None, None))
    assert user(message("identify", KEY, traits={KEY: False})) == Item(body(known), step=known)


TRACKS = [
    ("Audience Entered", "audience", {"audience_key": KEY, KEY: True}),
    ("Audience Exited", "audience", {"audience_key": KEY, KEY: False}),
    ("Trait Computed", "trait", {"trait_key": "revenue", "revenue": 450.0}),
    ("Renamed by the workspace", "audience", {"audience_key": KEY, KEY: "true"}),
]


@pytest.mark.parametrize(("name", "class_", "properties"), TRACKS)
def test_a_track_is_usage_for_kable_with_all_that_engage_computed(
    name: str, class_: str, properties: dict[str, object]
) -> None:
    item = KABLE.transform(
        message("track", KEY, class_, event=name, properties=properties), KABLE_ACCOUNT
    )
    assert isinstance(item, Item)
    assert json.loads(item.body) == {
        "clientId": "user-1",
        "timestamp": "2025-07-02T16:26:57.511Z",
        "transactionId": "personas_2AbCdEfGhIjKlMnOpQrStUvWxYz",
        "data": properties,
    }


@pytest.mark.parametrize(("name", "class_", "properties"), TRACKS)
def test_a_track_is_unmapped_for_kana(
    name: str, class_: str, properties: dict[str, object]
) -> None:
    event = message("track", KEY, class_, event=name, properties=properties)
    assert user(event) == Unmapped()


@pytest.mark.parametrize(("type_", "reached"), [("identify", ("kana",)), ("track", tuple(KINDS))])
def test_what_engage_sends_by_a_webhook_reaches_what_takes_its_type(
    type_: str, reached: tuple[str, ...]
) -> None:
    routes = tuple(Route(name, kind.name) for name, kind in KINDS.items() if type_ in kind.accepts)
    switches = members(message(type_, KEY).fields["integrations"])
    assert switches is not None
    source = Source("web", {type_: routes})
    assert source.destinations(type_, switches, forwarded=True) == reached
    assert source.destinations(type_, switches) == ()
