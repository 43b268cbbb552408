"""Everything that may go wrong for longer, a scenario each: `python -m tests.chaos.soak`."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.chaos.soak.answers import answers
from tests.chaos.soak.clock import clock
from tests.chaos.soak.down import down
from tests.chaos.soak.endurance import endurance
from tests.chaos.soak.rate import rate
from tests.chaos.soak.scene import Ending, Say
from tests.chaos.soak.store import store

SCENARIOS: Mapping[str, Callable[[Path, Say], Ending]] = {
    "down": down,
    "rate": rate,
    "store": store,
    "clock": clock,
    "answers": answers,
}


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument(
        "--only", default=",".join(SCENARIOS), help="scenarios, with commas between"
    )
    parser.add_argument("--minutes", type=float, help="an endurance run of so long, instead")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps logs and stores")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    chosen = parser.parse_args(words)
    if unknown := sorted(set(chosen.only.split(",")) - set(SCENARIOS)):
        known = ", ".join(SCENARIOS)
        parser.error(f"--only: expected scenarios of {known}; found {', '.join(unknown)}")
    return chosen


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = options_of(sys.argv[1:])
    folder = (chosen.folder or Path(tempfile.mkdtemp(prefix="soak-"))).absolute()
    print(f"logs and stores in {folder}; removed when all is well unless --folder named it")
    wanted: dict[str, Callable[[Path, Say], Ending]] = {
        name: SCENARIOS[name] for name in chosen.only.split(",")
    }
    if chosen.minutes:
        wanted = {"endurance": partial(endurance, minutes=chosen.minutes)}
    try:
        endings = {name: _ended(name, run, folder) for name, run in wanted.items()}
    except KeyboardInterrupt:
        print("soak: interrupted")
        return 130
    _show(endings)
    if chosen.json:
        chosen.json.write_text(json.dumps(_as_json(endings), indent=2) + "\n")
    good = not any(ending.faults for ending in endings.values())
    if good and chosen.folder is None:
        shutil.rmtree(folder)
    return 0 if good else 1


def _ended(name: str, run: Callable[[Path, Say], Ending], folder: Path) -> Ending:
    """A scenario that breaks off has failed, and the others go on."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {name}: {line}", flush=True)

    say("begins")
    try:
        ending = run(folder / name, say)
    except Exception as error:  # noqa: BLE001 - whatever it is, the verdict names it
        ending = Ending((f"broke off: {type(error).__name__}: {error}",))
    say("failed" if ending.faults else "good")
    return ending


def _show(endings: Mapping[str, Ending]) -> None:
    for name, ending in endings.items():
        print(f"\n{name:10} {'FAILED' if ending.faults else 'good'}")
        for title, figure in ending.figures.items():
            print(f"  {title:32} {figure}")
        for fault in ending.faults:
            print(f"  ! {fault}")
    failed = [name for name, ending in endings.items() if ending.faults]
    print(f"\nsoak: {len(endings) - len(failed)} good, failed: {', '.join(failed) or 'none'}")


def _as_json(endings: Mapping[str, Ending]) -> dict[str, object]:
    return {
        name: {"good": not ending.faults, "faults": ending.faults, "figures": ending.figures}
        for name, ending in endings.items()
    }


if __name__ == "__main__":
    sys.exit(main())
