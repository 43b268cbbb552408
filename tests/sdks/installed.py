"""The SDKs that tests run: each in a folder of its own below `.venv`, and kept there.

What is missing here skips a test; where CI is set, it fails one.
"""

import fcntl
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".venv" / "sdks"
INSTALLED_WITHIN_S = 90


def python_with(sdk: str) -> str:
    """The interpreter of a virtual environment with what `<sdk>.txt` pins."""
    folder = FOLDER / sdk
    python = folder / "bin" / "python"
    pins = HERE / f"{sdk}.txt"
    with _to_be_installed(folder, pins) as missing:
        if missing:
            venv.create(folder, with_pip=True)
            _install([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", pins], folder)
    return str(python)


def node_modules() -> Path:
    """The folder with what package.json pins."""
    npm = found("npm")
    folder = FOLDER / "node"
    with _to_be_installed(folder, HERE / "package-lock.json") as missing:
        if missing:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            _install([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder / "node_modules"


def found(*names: str) -> str:
    """The path of the first of these commands that there is."""
    for name in names:
        if path := shutil.which(name):
            return path
    return _missing(f"none of these commands is here: {', '.join(names)}")


@contextmanager
def _to_be_installed(folder: Path, pins: Path) -> Iterator[bool]:
    """Whether the (then empty) folder lacks what is pinned; one process at a time looks."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not stamp.exists() or stamp.read_text() != pins.read_text()
        if missing:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield missing
        stamp.write_text(pins.read_text())


def _install(command: Sequence[str | Path], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            timeout=INSTALLED_WITHIN_S,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failed:
        said = "\n".join(str(failed.stdout or "").splitlines()[:3])
        _missing(f"{folder.name} could not be installed; is the registry away? {said}")


def _missing(reason: str) -> str:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
