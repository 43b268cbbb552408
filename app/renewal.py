"""New settings without a restart: lanes that are made anew when a file of the settings changes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis
import structlog

from app.destination import Destination
from app.lane import Lane, lanes
from app.settings import Settings, SettingsError, files, load
from app.wake import Wakes

Stamp = tuple[int, int, int]

logger = structlog.get_logger("settings")


class ChangingLanes:
    """The lanes of a process, from the settings that it began with or those written since.

    Settings that are refused change nothing. The store, the broker and the queues stay as they
    were when the process began, and so does whatever the environment says.
    """

    def __init__(
        self,
        settings: Settings,
        kinds: Mapping[str, Destination[Any]],
        store: redis.Redis,
        wakes: Wakes,
        *,
        path: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._queues = {each.id: each.queue for each in settings.destinations.values()}
        self._kinds, self._store, self._wakes = kinds, store, wakes
        self._path, self._environ = path, environ
        self._files: tuple[Path, ...] = ()
        self._seen: list[Stamp | None] | None = None
        self._lanes = lanes(settings, kinds, store, wakes)

    def lane(self, destination: str) -> Lane | None:
        """The lane as it is written now. It costs a look at each file, so one may ask often."""
        return self.all().get(destination)

    def all(self) -> Mapping[str, Lane]:
        """All lanes as they are written now."""
        if self._seen is None or self._seen != [_stamp(file) for file in self._files]:
            self._files = files(self._path, self._environ)
            self._seen = [_stamp(file) for file in self._files]
            self._renew()
        return self._lanes

    def _renew(self) -> None:
        accounts = {name: kind.account for name, kind in self._kinds.items()}
        try:
            written = load(accounts, path=self._path, environ=self._environ)
        except SettingsError as refused:
            logger.error("settings.refused", faults=list(refused.faults))  # noqa: TRY400 - all is said
            return
        if written == self._settings:
            return
        self._settings, former = written, self._lanes
        self._lanes = lanes(self._with_old_queues(written), self._kinds, self._store, self._wakes)
        for name, lane in former.items():
            lane.client.close()
            if name in self._lanes:
                for token in lane.log.abandoned:
                    self._lanes[name].log.abandon(token)
        logger.info("settings.loaded")

    def _with_old_queues(self, settings: Settings) -> Settings:
        """Workers consume the queues that they began with."""
        kept = {
            name: account.model_copy(update={"queue": self._queues.get(name, account.queue)})
            for name, account in settings.destinations.items()
        }
        return settings.model_copy(update={"destinations": kept})


def _stamp(path: Path) -> Stamp | None:
    """What differs when a file was written or another took its place; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
