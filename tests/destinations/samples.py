"""An account and an event of each kind of destination, for the suite that all of them pass.

A kind with several modes has a sample of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.settings import DestinationSettings

ID = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"
SECRET = "sk_test.00000000.sEcReT"


@dataclass(frozen=True)
class Sample:
    """An account's settings, an event that becomes an item, and the statuses that deliver it.

    There are none where it is the body that says so.
    """

    settings: Mapping[str, object]
    event: bytes
    delivered: frozenset[int]


SAMPLES = {
    "kable": Sample(
        settings={
            "id": "kable",
            "kind": "kable",
            "api_key": SECRET,
            "kable_client_id": "kci_1",
            "reconcile_dimension": "units",
        },
        event=(
            b'{"type":"track","event":"Call","userId":"u1","messageId":"%s",'
            b'"timestamp":"2022-01-09T09:32:01.000Z",'
            b'"properties":{"price":1.10,"units":12345678901234567890,"tags":[1.0,{"a":-0.0}]}}'
        )
        % ID.encode(),
        delivered=frozenset({*range(200, 300), 409}),
    ),
    "kana": Sample(
        settings={"id": "kana", "kind": "kana", "api_key": "prv_test_00000000000000000000sEcReT"},
        event=(
            b'{"type":"track","event":"Call","userId":"u1","messageId":"%s",'
            b'"timestamp":"2022-01-09T09:32:01.000Z",'
            b'"properties":{"featureId":"calls","delta":-1234567890}}'
        )
        % ID.encode(),
        delivered=frozenset(),
    ),
    "kana in mode segment": Sample(
        settings={
            "id": "kana",
            "kind": "kana",
            "mode": "segment",
            "segment_key": "prv_test_11111111111111111111sEcReT",
        },
        event=(
            b'{"type":"track","event":"Call","userId":"u1","messageId":"%s",'
            b'"timestamp": "2022-01-09T09:32:01.000Z" ,'
            b'"properties":{"featureId":"calls","delta":-1234567890,"price":1.10}}'
        )
        % ID.encode(),
        delivered=frozenset(range(200, 300)),
    ),
}


def account_of(
    kind: type[DestinationSettings], sample: Sample, **settings: object
) -> DestinationSettings:
    return kind.model_validate({**sample.settings, **settings})
