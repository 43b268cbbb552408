"""What binds the pretend Kana: `POST /kana/_settings`."""

import msgspec

from app.sandbox.kana_rules import Rule
from app.sandbox.kana_usage import Moment

KEY_PREFIXES = ("prv_test_", "prv_live_")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST _settings` asks for.

    `strict`: only users that were created and features that were created or are named here exist.
    `refuse_features` has the reason for which usage of a feature is not recorded. `rules` map
    events that name no feature. `now` is the time at Kana, instead of the real one.
    """

    strict: bool = False
    features: tuple[str, ...] = ()
    api_key: str | None = None
    refuse_features: dict[str, str] = {}
    rules: tuple[Rule, ...] = ()
    now: Moment | None = None

    def authorise(self, authorization: str) -> bool:
        """Kana wants the bare key; `Bearer` before it does no harm."""
        scheme, _, rest = authorization.partition(" ")
        key = rest.strip() if scheme.lower() == "bearer" else authorization
        if self.api_key is not None:
            return key == self.api_key
        return key.startswith(KEY_PREFIXES) and key not in KEY_PREFIXES
