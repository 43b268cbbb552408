"""Kill every kind of process under load and count what is missing: `python -m tests.chaos`."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import randrange

from tests.chaos.kills import KINDS, NotBack
from tests.chaos.run import Asked, Found, Result, run


def asked() -> tuple[Asked, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    parser.add_argument("--rate", type=float, default=500, help="events a second")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="of the order of kills")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas between")
    parser.add_argument("--workers", type=int, default=2, help="Celery workers")
    parser.add_argument("--pause", type=float, default=1, help="seconds before a kill, on average")
    parser.add_argument("--away", type=float, default=0, help="seconds until a restart")
    parser.add_argument("--calm", action="store_true", help="the destinations stay well")
    parser.add_argument("--folder", type=Path, help="an empty folder that keeps logs and store")
    options = parser.parse_args()
    kinds = options.only.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        parser.error(f"--only: expected kinds of {', '.join(KINDS)}; found {', '.join(unknown)}")
    wanted = Asked(
        options.seed,
        kinds,
        options.kills,
        options.rate,
        options.workers,
        options.pause,
        options.calm,
        options.away,
    )
    return wanted, options.folder


def table(result: Result) -> Iterator[tuple[str, object]]:
    """The figures and their names, in the order in which they are read."""
    sent = result.sent
    yield "kills", _listed(result.kills)
    yield "events sent", len(sent.confirmed) + len(sent.unconfirmed)
    yield "answered 200", len(sent.confirmed)
    yield "never confirmed", len(sent.unconfirmed)
    yield "answers to requests", _listed(sent.answers)
    yield "tracebacks", _listed(result.tracebacks)
    yield "keys left over", ", ".join(result.leftovers) or "none"
    yield "orphans", result.orphans
    for death in result.deaths:
        yield "died by itself", f"{death.part} {death.how} after {death.after_s:.1f} s"


def figures(found: Found) -> Iterator[tuple[str, object]]:
    """The figures of one destination and their names."""
    books, said = found.books, found.verdict
    yield "confirmed", len(books.confirmed)
    yield "billed", len(books.billed)
    yield "duplicates", found.duplicates
    yield "applied", len(books.applied)
    yield "unmapped", len(books.unmapped)
    yield "unconfirmed", len(books.doubtful)
    yield "  of which billed", len(books.doubtful & set(books.billed))
    yield "other dead letters", len(books.dead) - len(books.doubtful)
    yield "lost", len(said.lost)
    yield "stuck", len(said.stuck)
    yield "billed twice", len(said.billed_twice)
    yield "contradicted", len(said.contradicted)
    yield "unaccounted", said.unaccounted
    yield "swept", said.swept
    yield "longest stall", f"{found.longest_stall_s:.1f} s"
    yield "drained in", "never" if found.drained_s is None else f"{found.drained_s:.1f} s"


def side_by_side(found: Mapping[str, Found]) -> Iterator[str]:
    """The figures of all destinations, a column for each."""
    columns = [dict(figures(one)) for one in found.values()]
    yield " " * 20 + "".join(f"{name:>12}" for name in found)
    for name in columns[0]:
        yield f"{name:20}" + "".join(f"{column[name]!s:>12}" for column in columns)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wanted, chosen = asked()
    folder = chosen or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"logs and store in {folder}; removed when all is well unless --folder named it")
    status = outcome(wanted, folder.absolute())
    if status == 0 and chosen is None:
        shutil.rmtree(folder)
    return status


def outcome(wanted: Asked, folder: Path) -> int:
    """The exit status, after a last line that says why."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    say(f"seed {wanted.seed}")
    try:
        result = run(wanted, folder, say)
    except NotBack as why:
        print(f"chaos: {why}")
        return 1
    except KeyboardInterrupt:
        print("chaos: interrupted")
        return 130
    for name, figure in table(result):
        print(f"{name:20} {figure}")
    for line in side_by_side(result.found):
        print(line)
    print(result.summary)
    return 0 if result.good else 1


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
