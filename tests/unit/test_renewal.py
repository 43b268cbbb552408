"""New settings take effect without a restart; what is refused changes nothing."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from app.append import Admission
from app.destinations import ACCOUNTS, KINDS
from app.lane import Lane
from app.moves import Leased
from app.renewal import ChangingLanes
from app.settings import load
from app.settings.filters import FilterSettings
from app.wake import Wakes

TOML = """
store_url = "redis://127.0.0.1:1/0"
[sources.web]
write_key = "w"
destinations = ["kana"]
[destinations.kana]
kind = "kana"
"""


class Written:
    """A configuration on disk, and the lanes that follow it."""

    def __init__(self, folder: Path, store: redis.Redis) -> None:
        self.toml, self.key = folder / "relay.toml", folder / "key"
        self.environ = {"RELAY_DESTINATIONS__kana__API_KEY_FILE": str(self.key)}
        self.key.write_text("old")
        self.toml.write_text(TOML)
        began = load(ACCOUNTS, path=self.toml, environ=self.environ)
        wakes = Wakes("redis://127.0.0.1:1/0")
        self._lanes = ChangingLanes(
            began,
            KINDS,
            store,
            wakes,
            path=self.toml,
            environ=self.environ,
        )

    def lane(self) -> Lane:
        lane = self._lanes.lane("kana")
        assert lane
        return lane

    @property
    def credentials(self) -> dict[str, str]:
        lane = self.lane()
        return dict(lane.destination.headers(lane.account))


@pytest.fixture
def written(tmp_path: Path, store: redis.Redis) -> Written:
    return Written(tmp_path, store)


def test_settings_that_stay_keep_their_lanes(written: Written) -> None:
    lane = written.lane()
    os.utime(written.toml, (1, 1))
    assert written.lane() is lane


def test_a_new_secret_in_a_file_of_its_own_takes_effect(written: Written) -> None:
    assert written.credentials == {"Authorization": "old"}
    written.key.write_text("new-one")
    with capture_logs() as lines:
        assert written.credentials == {"Authorization": "new-one"}
    assert [line["event"] for line in lines] == ["settings.loaded"]


def test_what_a_pump_could_not_give_back_is_given_back_by_the_lanes_that_follow(
    written: Written,
) -> None:
    written.lane().log.append([Admission("m-1", "web", "user", b"{}")])
    written.lane().log.lease("lost", 99)
    written.lane().log.abandon("lost")
    written.toml.write_text(TOML + "rate = 7.0\n")
    leased = written.lane().log.lease("next", 32)
    assert isinstance(leased, Leased)
    assert (len(leased.partitions), leased.deaths) == (64, 0)


def test_what_was_written_before_the_first_look_takes_effect(written: Written) -> None:
    written.key.write_text("new-one")
    assert written.credentials == {"Authorization": "new-one"}


def test_relay_toml_takes_effect_but_for_what_needs_a_restart(written: Written) -> None:
    written.toml.write_text(TOML + 'rate = 7.0\nqueue = "other"\n')
    account = written.lane().account
    assert (account.rate, account.queue) == (7.0, "kana")


def test_filters_the_cut_over_and_a_dry_run_take_effect(written: Written) -> None:
    assert (written.lane().account.filters, written.lane().account.dry_run) == ((), False)
    more = "deliver_from = 2026-06-01T00:00:00Z\ndry_run = true\n"
    written.toml.write_text(f"{TOML}{more}[[destinations.kana.filters]]\nsend = false\n")
    account = written.lane().account
    assert account.filters == (FilterSettings(send=False),)
    assert (account.deliver_from, account.dry_run) == (datetime(2026, 6, 1, tzinfo=UTC), True)


@pytest.mark.parametrize("broken", ["[", TOML + "rate = 0\n", ""])
def test_settings_that_are_refused_change_nothing_and_are_named_once(
    broken: str, written: Written
) -> None:
    lane = written.lane()
    written.toml.write_text(broken)
    with capture_logs() as lines:
        assert (written.lane(), written.lane()) == (lane, lane)
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("settings.refused", "error")
    ]
    assert lines[0]["faults"]
    written.toml.write_text(TOML + "rate = 7.0\n")
    assert written.lane().account.rate == 7.0


def test_a_secret_that_is_gone_changes_nothing(written: Written) -> None:
    lane = written.lane()
    written.key.unlink()
    assert written.lane() is lane
