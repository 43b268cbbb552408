"""What the figures were measured on."""

import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import redis

WRITES = 50


def machine() -> dict[str, str]:
    """The machine and what runs on it, by name."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu": _cpu(),
        "fsync of 4 KB": f"{_fsync_ms():.2f} ms",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "celery": version("celery"),
        "uvicorn": version("uvicorn"),
    }


def store_version(store: redis.Redis) -> str:
    server = store.info("server")
    return str(server.get("valkey_version", server["redis_version"]))


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"


def _fsync_ms() -> float:
    """What `appendfsync always` waits for, where the stores of the measurements lie."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(WRITES):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1_000
