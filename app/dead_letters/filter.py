"""Which dead letters are meant."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from app.dead_letters.letters import Letter
from app.timestamps import EPOCH, instant

MOMENTS = ("since", "until")
REASONS = ("rejected", "exhausted", "unconfirmed", "untransformable", "poison")


class BadFilter(ValueError):
    """A filter that means nothing; `field` names the member that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class Filter(msgspec.Struct, frozen=True):
    """Every member that is given must match; without any, all letters do.

    `message_id` matches a delivery's id and, of an event that became several, their parts.
    `since` (included) and `until` (not included) say when it was buried, in ms since the epoch.
    Raises BadFilter.
    """

    reason: str | None = None
    group: str | None = None
    event: str | None = None
    user: str | None = None
    message_id: str | None = None
    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) == "":
                raise BadFilter(name, "expected a text, found an empty one")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise BadFilter("until", "expected a moment after since")

    @property
    def names_group(self) -> bool:
        """Whether it asks for a reason or for a group, which sets of groups know."""
        return not (self.reason is self.group is None)

    @property
    def names_one(self) -> bool:
        """Whether it asks for one thing at most, so that one index knows all that match."""
        others = self.event, self.user, self.message_id
        return sum(one is not None for one in others) + self.names_group <= 1

    def matches(self, letter: Letter) -> bool:
        """Whether a letter has what the members ask for that no index of places knows."""
        return (
            self.reason in (None, letter.reason)
            and self.event in (None, letter.event)
            and self.user in (None, letter.user)
        )

    def written(self) -> dict[str, str]:
        """Its JSON: what is given, moments in ISO 8601."""
        given = msgspec.structs.asdict(self).items()
        return {
            name: instant(value) if name in MOMENTS else value
            for name, value in given
            if value is not None
        }

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> "Filter":
        """The filter that such JSON means; null is as good as nothing. Raises BadFilter."""
        members = {name: _member(name, value) for name, value in fields.items()}
        return msgspec.structs.replace(cls(), **members)


def _member(name: str, value: object) -> str | int | None:
    if name not in Filter.__struct_fields__:
        raise BadFilter(name, f"expected one of {', '.join(Filter.__struct_fields__)}")
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadFilter(name, f"expected a text, found {type(value).__name__}")
    if name == "reason" and value not in REASONS:
        raise BadFilter(name, f"expected one of {', '.join(REASONS)}; found {value!r}")
    return _moment(name, value) if name in MOMENTS else value


def _moment(name: str, value: str) -> int:
    """A moment without an offset is taken as UTC."""
    try:
        parsed = datetime.fromisoformat(value.strip().upper())
        at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "expected a moment such as 2026-05-01 or 2026-05-01T09:30:00Z"
        raise BadFilter(name, f"{expected}, found {value!r}") from None
    return (at - EPOCH) // timedelta(milliseconds=1)  # rounded up, the last one could not be told
