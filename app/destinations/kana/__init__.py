"""Kana (usekana.com): counts what users use of features, and knows users by their identify.

Calls are those of Kana's Admin API, traits and properties those that its documentation names for
Segment. docs/destinations/kana.md names what is unconfirmed.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.destination import CountsByFeature, Destination, Item, Request
from app.destinations.kana.answers import read
from app.destinations.kana.calls import HEADERS, PATH, Probe, request
from app.destinations.kana.counts import ask, told, used
from app.destinations.kana.events import item
from app.settings import DestinationSettings
from app.settings.durations import Duration, SomeDuration
from app.settings.headers import HeaderSecret

HOST = "https://api.usekana.com"
DEADLINE_MAX = timedelta(seconds=8)


def _within_a_lease(deadline: timedelta) -> timedelta:
    """A pump's lease has to end after its calls, or another pump finds one under way."""
    if deadline > DEADLINE_MAX:
        raise ValueError(
            "expected at most 8s: a pump's lease of 10s must outlast a call that is not repeated"
        )
    return deadline


class KanaAccount(DestinationSettings):
    """An account at Kana."""

    kind: Literal["kana"] = "kana"
    concurrency: int = Field(default=8, ge=1, le=64)
    dedupe_window: Duration = Field(default=timedelta(days=7), ge=timedelta(hours=24))
    connect_timeout: SomeDuration = timedelta(seconds=2)
    read_timeout: SomeDuration = timedelta(seconds=6)
    deadline: Annotated[SomeDuration, AfterValidator(_within_a_lease)] = DEADLINE_MAX
    api_key: HeaderSecret
    accept_everysec: bool = False


def call(items: Sequence[Item], _account: KanaAccount) -> Request:
    return Request(PATH, items[0].body, headers=HEADERS, step=items[0].step)


def base_url(account: KanaAccount) -> str:
    return account.base_url or HOST


def credentials(account: KanaAccount) -> Mapping[str, str]:
    """The bare key, as in all of Kana's samples."""
    return {"Authorization": account.api_key.get_secret_value()}


COUNTS: CountsByFeature[KanaAccount] = CountsByFeature(ask, told, used)

KANA = Destination(
    kind="kana",
    name="Kana",
    account=KanaAccount,
    accepts=frozenset({"identify", "track"}),
    transform=item,
    compose=call,
    read=read,
    base_url=base_url,
    headers=credentials,
    probe=lambda _account: request(Probe()),
    belated="Kana counts usage when it arrives, so it bills them in the current period",
    ordered=True,
    repeatable=False,
    counts=COUNTS,
)
