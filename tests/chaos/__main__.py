"""Kill every kind of process under load and count what is missing: `python -m tests.chaos`.

Then the same for a rival: one stock Celery task per event and destination.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import randrange

from tests.chaos import against
from tests.chaos.against import run_rival
from tests.chaos.kills import KINDS, NotBack
from tests.chaos.report import as_json, shown
from tests.chaos.run import Asked, Result, run
from tests.chaos.weather import KINDS as SKIES

# A task an event is about as much as these cores carry; the relay's figures are at the full rate.
RIVAL_SHARE = 0.25

Say = Callable[[str], None]


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=18, help="of each kind")
    parser.add_argument("--rate", type=float, default=400, help="events a second")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="of the order of kills")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas between")
    parser.add_argument("--workers", type=int, default=2, help="Celery workers")
    parser.add_argument("--pause", type=float, default=1, help="seconds before a kill, on average")
    parser.add_argument("--away", type=float, default=0, help="seconds until a restart")
    parser.add_argument("--weather", choices=sorted(SKIES), default="rain")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps logs and stores")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--alone", action="store_true", help="the relay only")
    alone.add_argument("--rival", action="store_true", help="the rival only")
    parser.add_argument("--rival-kills", type=int, default=10, help="of each kind")
    chosen = parser.parse_args(words)
    if unknown := sorted(set(chosen.only.split(",")) - set(KINDS)):
        parser.error(f"--only: expected kinds of {', '.join(KINDS)}; found {', '.join(unknown)}")
    return chosen


def asked_of(chosen: argparse.Namespace) -> Asked:
    return Asked(
        seed=chosen.seed,
        kinds=chosen.only.split(","),
        kills=chosen.kills,
        rate=chosen.rate,
        workers=chosen.workers,
        pause_s=chosen.pause,
        sky=chosen.weather,
        away_s=chosen.away,
    )


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = options_of(sys.argv[1:])
    folder = (chosen.folder or Path(tempfile.mkdtemp(prefix="chaos-"))).absolute()
    print(f"logs and stores in {folder}; removed when all is well unless --folder named it")
    status = outcome(chosen, folder)
    if status == 0 and chosen.folder is None:
        shutil.rmtree(folder)
    return status


def outcome(chosen: argparse.Namespace, folder: Path) -> int:
    """The exit status, after a last line that says why; the rival's figures do not change it."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    say(f"seed {chosen.seed}")
    try:
        results = results_of(chosen, folder, say)
    except NotBack as why:
        print(f"chaos: {why}")
        return 1
    except KeyboardInterrupt:
        print("chaos: interrupted")
        return 130
    for line in shown(results):
        print(line)
    if chosen.json:
        chosen.json.write_text(json.dumps(as_json(results), indent=2) + "\n")
    ours = results.get("relay")
    print(ours.summary if ours else "chaos: the relay was not asked for")
    return 0 if ours is None or ours.good else 1


def results_of(chosen: argparse.Namespace, folder: Path, say: Say) -> dict[str, Result]:
    """The relay's, then the rival's: at as many kills a minute, at a rate that it carries."""
    asked, results = asked_of(chosen), {}
    if not chosen.rival:
        results["relay"] = run(asked, _made(folder / "relay"), say)
    if not chosen.alone:
        ours = results.get("relay")
        pause_s = 60 / ours.kills_a_minute if ours else asked.pause_s
        kinds = [kind for kind in against.KINDS if kind in asked.kinds] or against.KINDS
        theirs = replace(
            asked,
            kinds=kinds,
            kills=chosen.rival_kills,
            rate=asked.rate * RIVAL_SHARE,
            pause_s=pause_s,
        )
        say(f"the rival, at {theirs.rate:g} events/s")
        results["rival"] = run_rival(theirs, _made(folder / "rival"), say)
    return results


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
