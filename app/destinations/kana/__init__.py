"""Kana (usekana.com): counts what users use of features, and knows users by their identify.

Calls are those of Kana's Admin API and of its endpoint for Segment, traits and properties those
that its documentation names for Segment. docs/destinations/kana.md names what is unconfirmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.destination import CountsByFeature, Destination, Endpoint, Item, Request, Transformed
from app.destinations.kana import forwarding
from app.destinations.kana.account import KanaAccount
from app.destinations.kana.answers import read
from app.destinations.kana.calls import ADMIN, HEADERS, PATH, SEGMENT, Probe, Record, request
from app.destinations.kana.counts import ask, told, used
from app.destinations.kana.events import item
from app.segment import Event

__all__ = ["KANA", "KanaAccount"]

HOST = "https://api.usekana.com"
SEGMENT_HOST = "https://bletchley.onrender.com"


def transform(event: Event, account: KanaAccount) -> Transformed:
    return forwarding.item(event) if account.mode == "segment" else item(event, account)


def call(items: Sequence[Item], account: KanaAccount) -> Request:
    match items[0].step:
        case forwarding.Forward() as step:
            return forwarding.request(items[0].body, step)
        case Record() as step if account.create_users:
            step = replace(step, create_user=True)
        case step:
            pass
    return Request(PATH, items[0].body, headers=HEADERS, step=step)


def base_url(account: KanaAccount) -> str:
    """Of the mode's own API; an override is that of both."""
    return account.base_url or (SEGMENT_HOST if account.mode == "segment" else HOST)


def credentials(account: KanaAccount) -> Mapping[str, str]:
    """The bare key, as in all of Kana's samples."""
    return endpoints(account)[account.mode].headers


def endpoints(account: KanaAccount) -> Mapping[str, Endpoint]:
    """Both APIs, as far as there are keys for them."""
    keys = {ADMIN: (HOST, account.api_key), SEGMENT: (SEGMENT_HOST, account.segment_key)}
    return {
        name: Endpoint(account.base_url or host, {"Authorization": key.get_secret_value()})
        for name, (host, key) in keys.items()
        if key is not None
    }


def probe(account: KanaAccount) -> Request:
    return forwarding.probe() if account.mode == "segment" else request(Probe())


def probes(account: KanaAccount) -> Sequence[Request]:
    """The API that the mode does not name, where it is used as well."""
    return [forwarding.probe(SEGMENT)] if account.unapplied == "segment" else []


def unruled(account: KanaAccount) -> str:
    return 'mode = "segment": Kana reads the events' if account.mode == "segment" else ""


COUNTS: CountsByFeature[KanaAccount] = CountsByFeature(ask, told, used)

KANA = Destination(
    kind="kana",
    name="Kana",
    account=KanaAccount,
    accepts=frozenset({"identify", "track"}),
    transform=transform,
    compose=call,
    read=read,
    base_url=base_url,
    headers=credentials,
    probe=probe,
    endpoints=endpoints,
    probes=probes,
    belated="Kana counts usage when it arrives, so it bills them in the current period",
    ordered=True,
    repeatable=False,
    ruled=True,
    unruled=unruled,
    counts=COUNTS,
)
