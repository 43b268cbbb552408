from dataclasses import dataclass
from typing import Any

import pytest

from app.destination import Destination
from app.destinations import KINDS
from app.settings import DestinationSettings
from tests.destinations.samples import SAMPLES, Sample, account_of


@dataclass(frozen=True)
class Subject:
    """A kind of destination with an account of it."""

    kind: Destination[Any]
    account: DestinationSettings
    sample: Sample


@pytest.fixture(scope="session", params=sorted(SAMPLES))
def subject(request: pytest.FixtureRequest) -> Subject:
    sample = SAMPLES[request.param]
    kind = KINDS[str(sample.settings["kind"])]
    return Subject(kind, account_of(kind.account, sample), sample)
