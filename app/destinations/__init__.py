"""The kinds of destinations that there are."""

from collections.abc import Mapping
from typing import Any

from app.destination import Destination
from app.destinations.kable import KABLE
from app.destinations.kana import KANA
from app.settings import DestinationSettings

KINDS: Mapping[str, Destination[Any]] = {kind.kind: kind for kind in (KABLE, KANA)}
ACCOUNTS: Mapping[str, type[DestinationSettings]] = {
    name: kind.account for name, kind in KINDS.items()
}
