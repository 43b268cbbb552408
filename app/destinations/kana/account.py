"""An account at Kana: in which of two ways it is sent to, and what that needs."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.mapping import RULES_MAX, Rule
from app.settings import DestinationSettings
from app.settings.durations import Duration, SomeDuration
from app.settings.headers import HeaderSecret

DEADLINE_MAX = timedelta(seconds=8)


def _within_a_lease(deadline: timedelta) -> timedelta:
    """A pump's lease has to end after its calls, or another pump finds one under way."""
    if deadline > DEADLINE_MAX:
        raise ValueError(
            "expected at most 8s: a pump's lease of 10s must outlast a call that is not repeated"
        )
    return deadline


def _with_ids_of_their_own(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    ids = [rule.id for rule in rules]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        raise ValueError(f"expected an id of its own for each rule; found {twice} twice")
    return rules


class KanaAccount(DestinationSettings):
    """An account at Kana.

    `mode` says who reads the events: the relay, which calls the Admin API (`api_key`), or Kana
    itself, at its endpoint for Segment (`segment_key`).
    """

    kind: Literal["kana"] = "kana"
    concurrency: int = Field(default=8, ge=1, le=64)
    dedupe_window: Duration = Field(default=timedelta(days=7), ge=timedelta(hours=24))
    connect_timeout: SomeDuration = timedelta(seconds=2)
    read_timeout: SomeDuration = timedelta(seconds=6)
    deadline: Annotated[SomeDuration, AfterValidator(_within_a_lease)] = DEADLINE_MAX
    mode: Literal["admin", "segment"] = "admin"
    unapplied: Literal["flag", "segment"] = "flag"
    create_users: bool = False
    billing_id_alias: bool = False
    api_key: HeaderSecret | None = Field(default=None, validate_default=True)
    segment_key: HeaderSecret | None = Field(default=None, validate_default=True)
    accept_everysec: bool = False
    unmapped_age_max: SomeDuration | None = None
    rules: Annotated[tuple[Rule, ...], AfterValidator(_with_ids_of_their_own)] = Field(
        default_factory=tuple, max_length=RULES_MAX
    )

    @field_validator("unapplied", "create_users", "billing_id_alias", "rules")
    @classmethod
    def _read_in_admin_mode(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("mode") == "segment" and value not in ("flag", False, ()):
            raise ValueError('expected it with mode = "admin" only: else Kana reads the events')
        return value

    @field_validator("api_key")
    @classmethod
    def _opens_the_admin_api(
        cls, key: HeaderSecret | None, info: ValidationInfo
    ) -> HeaderSecret | None:
        if key is None and info.data.get("mode") == "admin":
            raise _missing('mode = "admin" needs it')
        return key

    @field_validator("segment_key")
    @classmethod
    def _opens_the_endpoint_for_segment(
        cls, key: HeaderSecret | None, info: ValidationInfo
    ) -> HeaderSecret | None:
        for name in ("mode", "unapplied"):
            if key is None and info.data.get(name) == "segment":
                raise _missing(f'{name} = "segment" needs it')
        return key


def _missing(why: str) -> PydanticCustomError:
    """As pydantic tells of a required setting, and why it is one."""
    return PydanticCustomError("missing", "{why}", {"why": why})
