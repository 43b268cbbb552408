"""Who an operator is: by a token or by the cookie of a login."""

from pydantic import SecretStr

from app.console.session import LASTS, Door, Operator
from app.settings import OperatorSettings

NOW_S = 1_800_000_000


def door(**tokens: str) -> Door:
    return Door(
        {
            name: OperatorSettings(id=name, token=SecretStr(token), read_only=name == "guest")
            for name, token in tokens.items()
        }
    )


def test_a_token_tells_whose_it_is() -> None:
    ours = door(ann="a secret", guest="another")
    assert ours.by_token("a secret") == Operator("ann")
    assert ours.by_token("another") == Operator("guest", read_only=True)
    for wrong in ("", "a", "a secret ", "A SECRET", "secret\0", "\udcff"):
        assert ours.by_token(wrong) is None


def test_a_session_lasts_twelve_hours() -> None:
    ours = door(ann="a secret")
    cookie = ours.session(Operator("ann"), NOW_S)
    end = NOW_S + int(LASTS.total_seconds())
    assert ours.by_session(cookie, end - 1) == Operator("ann", until=end)
    assert ours.by_session(cookie, end) is None


def test_a_session_holds_in_every_process_until_its_token_changes() -> None:
    cookie = door(ann="a secret").session(Operator("ann"), NOW_S)
    known = door(ann="a secret").by_session(cookie, NOW_S)
    assert known is not None
    assert known.name == "ann"
    assert door(ann="a new one").by_session(cookie, NOW_S) is None
    assert door(bob="a secret").by_session(cookie, NOW_S) is None


def test_a_forged_session_is_none() -> None:
    ours = door(ann="a secret", guest="another")
    name, until, signature = ours.session(Operator("guest"), NOW_S).split(".")
    forged = [
        f"ann.{until}.{signature}",
        f"{name}.{int(until) + 1}.{signature}",
        f"{name}.{until}.{signature[:-1]}",
        f"{name}.{until}.",
        f"{name}.{until}",
        f"{name}.soon.{signature}",
        f".{until}.{signature}",
        "",
        ".",
        "..",
        f"{name}.{until}.\udcff",
    ]
    assert [ours.by_session(cookie, NOW_S) for cookie in forged] == [None] * len(forged)
