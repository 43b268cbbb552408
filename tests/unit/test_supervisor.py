import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.guard import watched
from app.supervisor import Part, Supervisor, ending, wait_before_restart
from tests.processes import wait_until

GRACE_S = 20

# In one write, for two processes share the pipe.
SAYS_ITS_PID = r"import os, time; os.write(1, b'pid %d\n' % os.getpid()); time.sleep(600)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SAYS_ITS_PID}"
FORKS = f"import os; os.fork(); {SAYS_ITS_PID}"
SUPERVISES = """
import sys, time
from pathlib import Path
from app.supervisor import Part, Supervisor
held = open("held", "w")
import fcntl
fcntl.flock(held, fcntl.LOCK_EX)
with Supervisor(Path("."), {}, lambda name, line: print(line, flush=True), (held.fileno(),)) as s:
    s.start(Part("forks", (sys.executable, "-c", sys.argv[1])))
    time.sleep(600)
"""


class Lines:
    """What a supervisor said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, name: str, line: str) -> None:
        self.said.append((name, line))

    def count(self, words: str) -> int:
        return sum(words in line for _, line in self.said)

    @property
    def pids(self) -> list[int]:
        return [int(line[4:]) for _, line in self.said if line.startswith("pid ")]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def supervisor(tmp_path: Path, lines: Lines) -> Iterator[Supervisor]:
    with Supervisor(tmp_path, os.environ, lines.say) as supervisor:
        yield supervisor


def python(name: str, code: str) -> Part:
    return Part(name, (sys.executable, "-c", code))


def runs(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("former", "lived", "wait"),
    [(0, 0.1, 0.2), (0.2, 0.1, 0.4), (6.4, 9.9, 10), (10, 0, 10), (10, 10, 0.2), (0, 60, 0.2)],
)
def test_restarts_wait_twice_as_long_each_time_until_a_life_was_long_enough(
    former: float, lived: float, wait: float
) -> None:
    assert wait_before_restart(former, lived) == wait


def test_an_ending_names_the_signal_or_the_status() -> None:
    assert [ending(-9), ending(3)] == ["ended by SIGKILL", "ended with status 3"]


def test_what_dies_is_started_again(supervisor: Supervisor, lines: Lines) -> None:
    supervisor.start(python("one", SAYS_ITS_PID))
    wait_until(lambda: lines.pids)
    os.kill(lines.pids[0], signal.SIGKILL)
    wait_until(lambda: len(lines.pids) == 2)
    assert lines.count("ended by SIGKILL") == 1
    assert runs(lines.pids[1])


def test_the_children_of_what_died_do_not_live_on(supervisor: Supervisor, lines: Lines) -> None:
    supervisor.start(python("one", FORKS))
    wait_until(lambda: len(lines.pids) == 2)
    parent = next(pid for pid in lines.pids if os.getpgid(pid) == pid)
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not any(runs(pid) for pid in lines.pids[:2]))


def test_a_part_that_cannot_start_leaves_the_others_alone(
    supervisor: Supervisor, lines: Lines
) -> None:
    supervisor.start(python("one", SAYS_ITS_PID))
    supervisor.start(Part("two", ("/nowhere/to/be/found",)))
    supervisor.start(python("three", "raise SystemExit(3)"))
    wait_until(lambda: lines.count("cannot start: ") >= 2 and lines.count("with status 3") >= 2)
    assert runs(lines.pids[0])


def test_lines_come_whole_and_under_their_name(supervisor: Supervisor, lines: Lines) -> None:
    supervisor.start(python("one", "print('a' * 200_000); print(end='b', flush=True)"))
    wait_until(lambda: lines.count("b"))
    assert lines.said[:2] == [("one", "a" * 200_000), ("one", "b")]


def test_bytes_that_are_no_text_do_not_stop_the_lines(
    supervisor: Supervisor, lines: Lines
) -> None:
    supervisor.start(python("one", r"import os; os.write(1, b'\xff\nthen\n')"))
    wait_until(lambda: lines.count("then"))


def test_parts_are_asked_to_end_and_not_started_again(
    supervisor: Supervisor, lines: Lines
) -> None:
    supervisor.start(python("one", SAYS_ITS_PID))
    wait_until(lambda: lines.pids)
    supervisor.end("one", grace=GRACE_S)
    assert not runs(lines.pids[0])
    assert lines.said == [("one", f"pid {lines.pids[0]}")]


def test_what_does_not_end_in_time_is_killed(supervisor: Supervisor, lines: Lines) -> None:
    supervisor.start(python("one", IGNORES_SIGTERM))
    wait_until(lambda: lines.pids)
    supervisor.end("one", grace=0)
    assert not runs(lines.pids[0])
    assert lines.count("did not end in time and is killed") == 1


def test_hurry_cuts_the_wait_short(supervisor: Supervisor, lines: Lines) -> None:
    supervisor.start(python("one", IGNORES_SIGTERM))
    wait_until(lambda: lines.pids)
    supervisor.hurry()
    supervisor.end("one", grace=3600)
    assert not runs(lines.pids[0])


def test_an_error_inside_ends_everything(tmp_path: Path, lines: Lines) -> None:
    def fail() -> None:
        with Supervisor(tmp_path, os.environ, lines.say) as supervisor:
            supervisor.start(python("one", SAYS_ITS_PID))
            wait_until(lambda: lines.pids)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert not runs(lines.pids[0])


def test_the_guard_kills_what_was_announced_and_not_withdrawn() -> None:
    assert watched(["+10\n", "+11\n", "-10\n", "+12\n"]) == {11, 12}


def test_a_killed_supervisor_leaves_no_process_and_holds_its_files_until_then(
    tmp_path: Path,
) -> None:
    command = (sys.executable, "-c", SUPERVISES, FORKS)
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        pids = [int(killed.stdout.readline()[4:]) for _ in range(2)]
        killed.kill()
    with (tmp_path / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not any(runs(pid) for pid in pids)
