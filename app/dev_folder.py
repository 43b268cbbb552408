"""The data folder of `relay dev`: its lock and the configuration that it holds."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

FORMER_RUN_S = 3.0
LOOK_EVERY_S = 0.05

CONFIGURATION = """\
# Written by relay dev whenever it starts; RELAY_* in the environment wins over it.
store_url = "redis://127.0.0.1:{store_port}/0"
environment = "development"
log_format = "console"

[sources.dev]
write_key = "dev"
webhook_secret = "dev"
destinations = ["kable", "kana"]

[operators.dev]
token = "dev"

[destinations.kable]
kind = "kable"
base_url = "http://127.0.0.1:{sandbox_port}/kable"
api_key = "sk_test.developm.00000000000000000000000000000000"
kable_client_id = "kci_00000000000000000000000000000000"

[destinations.kana]
kind = "kana"
base_url = "http://127.0.0.1:{sandbox_port}/kana"
api_key = "prv_test_00000000000000000000000000000000"
"""


class FolderError(Exception):
    """The folder cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[IO[str]]:
    """Make the folder and keep a second run off it.

    The lock ends with the last process that holds the file. Raises FolderError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "store").mkdir(exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise FolderError(f"cannot use the data folder {folder}: {error.strerror}") from None
    with lock:
        _lock(lock, folder)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


def configure(folder: Path, *, store_port: int, sandbox_port: int) -> Path:
    """Write relay.toml in one step, readable by its owner only, and say where."""
    path = folder / "relay.toml"
    written = path.with_suffix(".new")
    written.unlink(missing_ok=True)
    written.touch(mode=0o600)
    written.write_text(CONFIGURATION.format(store_port=store_port, sandbox_port=sandbox_port))
    return written.replace(path)


def _lock(lock: IO[str], folder: Path) -> None:
    """Wait a little: after a SIGKILL the guard holds the lock until it has cleared all away."""
    deadline = time.monotonic() + FORMER_RUN_S
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() >= deadline:
            lock.seek(0)
            raise FolderError(
                f"another relay dev (process {lock.read().strip()}) uses the data folder "
                f"{folder}; end it or choose another folder with --data-dir"
            )
        time.sleep(LOOK_EVERY_S)
