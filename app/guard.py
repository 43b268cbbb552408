"""Kills the process groups that `relay dev` started when it dies without ending them itself.

It reads `+GROUP` and `-GROUP` lines until its input ends. The end of a pipe is the one sign of a
death that no SIGKILL prevents. PR_SET_PDEATHSIG would reach Celery itself but not the children
that it forks, which inherit their group but not that setting; and it exists on Linux only.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GONE_WITHIN_S = 5.0


def watched(lines: Iterable[str]) -> set[int]:
    """The groups that were announced and not withdrawn when the lines ended."""
    groups: set[int] = set()
    for line in lines:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    return groups


def main() -> None:
    groups = watched(sys.stdin)
    deadline = time.monotonic() + GONE_WITHIN_S
    while groups and time.monotonic() < deadline:
        groups = {group for group in groups if _killed(group)}
        time.sleep(0.02)


def _killed(group: int) -> bool:
    """Whether there was still something to kill."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


if __name__ == "__main__":
    main()
