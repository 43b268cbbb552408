"""One command starts everything; one curl shows an event arrive."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Thread

import pytest
import redis
import requests

from app.keys import destination_key
from tests.processes import free_port, wait_until

RELAY = str(Path(sys.executable).with_name("relay"))
PATIENCE_S = 50.0

pytestmark = pytest.mark.timeout(120)


class Dev:
    """A `relay dev` on ports and in a folder of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.ports = {part: free_port() for part in ("ingest", "console", "sandbox", "store")}
        self.environ = {name: value for name, value in os.environ.items() if "RELAY" not in name}
        self.environ |= environ
        self.lines: list[str] = []

    def start(self) -> None:
        ports = [word for part, n in self.ports.items() for word in (f"--{part}-port", str(n))]
        self.process = subprocess.Popen(
            (RELAY, "dev", *ports, "--workers", "2"),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            self.lines.extend(line.rstrip() for line in self.process.stdout)

    def greeted(self) -> "Dev":
        """Wait until it says that a delivery can flow."""
        try:
            wait_until(lambda: self._said("Ctrl-C ends everything"), within=PATIENCE_S)
        except AssertionError:
            pytest.fail("\n".join(["no greeting:", *self.lines]))
        return self

    def _said(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    def kill(self) -> None:
        """SIGKILL for `relay dev` alone; all that it started must follow."""
        started = self.processes()
        self.process.kill()
        self.ended()
        wait_until(lambda: not _running(started), within=PATIENCE_S)

    def ended(self) -> int:
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return status

    def processes(self) -> frozenset[int]:
        """All that it started, and what those started."""
        parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
        found, newest = set[int](), {self.process.pid}
        while newest := {pid for pid, parent in parents.items() if parent in newest}:
            found |= newest
        return frozenset(found)

    def part(self, words: str) -> int:
        """The first process of a part, by words of its command."""
        return min(pid for pid in self.processes() if words in _command(pid))

    def url(self, part: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}{path}"

    def send(self, message_id: str) -> None:
        usage = {"featureId": "calls", "delta": 3}
        event = {"userId": "u1", "event": "e", "messageId": message_id, "properties": usage}
        url = self.url("ingest", "/v1/track")
        answer = requests.post(url, json=event, auth=("dev", ""), timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"success": True})

    def billed(self) -> list[str]:
        usage = requests.get(self.url("sandbox", "/kable/_usage"), timeout=30).json()
        return [one["transactionId"] for one in usage["items"]]

    def counted(self) -> list[tuple[str, int]]:
        usage = requests.get(self.url("sandbox", "/kana/_usage"), timeout=30).json()
        return [(one["featureId"], one["delta"]) for one in usage["items"]]

    def settled(self) -> int:
        """How many deliveries to Kable are recorded as done; only these are not sent again."""
        with redis.Redis(port=self.ports["store"]) as store:
            return int(store.hget(destination_key("kable", "counts"), "delivered") or 0)

    def relay(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (RELAY, *words),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _parent(pid: int) -> int | None:
    """None when it does not run; a zombie does not."""
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(parent)


def _running(pids: Iterable[int]) -> set[int]:
    return {pid for pid in pids if _parent(pid) is not None}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


Make = Callable[..., Dev]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Dev] = []

    def begin(**environ: str) -> Dev:
        made.append(Dev(tmp_path, environ))
        return made[-1]

    yield begin
    for dev in made:
        dev.kill()


@pytest.fixture
def dev(make: Make) -> Dev:
    """One that a test may end and kill as it likes."""
    dev = make()
    dev.start()
    return dev.greeted()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One for tests that only look at it."""
    dev = Dev(tmp_path_factory.mktemp("dev"), {})
    dev.start()
    try:
        yield dev.greeted()
    finally:
        dev.kill()


def test_after_the_greeting_an_event_arrives_and_the_commands_find_everything_in_order(
    shared: Dev,
) -> None:
    shared.send("m1")
    wait_until(lambda: shared.billed() == ["m1"])
    wait_until(lambda: shared.counted() == [("calls", 3)])
    checked = shared.relay("check", "--json")
    assert checked.returncode == 0
    found = json.loads(checked.stdout)["items"]
    assert [(one["state"], one["found"]) for one in found if one["state"] != "ok"] == [
        ("warning", "2 processes for 4 pumps: they wait for one another")
    ]
    status = shared.relay("status", "--json", "--wait", "5", "--url", shared.url("ingest", ""))
    assert (status.returncode, "uses .relay/relay.toml" in status.stderr) == (0, True)
    items = {one["id"]: one for one in json.loads(status.stdout)["items"]}
    assert items.keys() == {"kable", "kana"}
    for one in items.values():
        assert (one["accepted"], one["delivered"], one["unaccounted"]) == (1, 1, 0)


def test_the_greeting_says_what_to_do_and_the_log_is_quiet_before_it(shared: Dev) -> None:
    words = "\n".join(shared.lines)
    for expected in (
        shared.url("ingest", ""),
        shared.url("sandbox", ""),
        "curl -u dev:",
        "relay status",
    ):
        assert expected in words
    assert str(shared.folder / ".relay") in words
    assert "\033" not in words
    assert [line for line in shared.lines if "celery@" in line and "---" in line] == []


def test_secrets_are_readable_by_their_owner_only(shared: Dev) -> None:
    assert (shared.folder / ".relay" / "relay.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_and_leaves_nothing_running(dev: Dev, asked: signal.Signals) -> None:
    wait_until(lambda: len(dev.processes()) >= 7)
    started = dev.processes()
    dev.process.send_signal(asked)
    assert dev.ended() == 0
    assert _running(started) == set()
    assert not any("Traceback" in line or "starts again" in line for line in dev.lines)
    assert "has ended; the data stays" in dev.lines[-1]


def test_a_kill_leaves_nothing_running_and_loses_nothing(dev: Dev) -> None:
    dev.send("m1")
    wait_until(lambda: dev.settled() == 1)
    dev.kill()
    dev.lines.clear()
    dev.start()
    dev.greeted()
    dev.send("m1")
    dev.send("m2")
    wait_until(lambda: dev.billed() == ["m2"])


def test_every_part_that_dies_is_started_again_and_deliveries_flow(dev: Dev) -> None:
    words = ("valkey-server", "app.sandbox", "uvicorn", "workers worker", "workers beat")
    killed = {dev.part(part) for part in words}
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: sum("starts again" in line for line in dev.lines) >= len(words))
    wait_until(lambda: _taken(dev), within=PATIENCE_S)
    wait_until(lambda: "m1" in dev.billed(), within=PATIENCE_S)
    assert not _running(killed)


def test_a_second_run_on_the_same_folder_is_refused(shared: Dev) -> None:
    second = Dev(shared.folder, {})
    second.start()
    assert second.ended() == 1
    (line,) = second.lines
    assert f"another relay dev (process {shared.process.pid}) uses the data folder" in line
    assert "--data-dir" in line


def test_a_port_that_is_taken_is_named_before_anything_starts(make: Make) -> None:
    dev = make()
    with socket.create_server(("127.0.0.1", dev.ports["sandbox"])):
        dev.start()
        assert dev.ended() == 1
    port = dev.ports["sandbox"]
    assert dev.lines == [
        f"relay dev: port {port}, for sandbox, is taken; free it or move sandbox with "
        "--sandbox-port"
    ]
    assert not (dev.folder / ".relay" / "relay.toml").exists()


def test_with_a_store_of_its_own_url_it_starts_none(
    make: Make, store: redis.Redis, store_url: str
) -> None:
    dev = make(RELAY_STORE_URL=store_url)
    dev.start()
    dev.greeted()
    dev.send("m1")
    wait_until(lambda: dev.billed() == ["m1"])
    assert store_url in "\n".join(dev.lines)
    assert not any(line.startswith("store ") for line in dev.lines)
    assert store.hget("relay:{kable}:counts", "accepted") == b"1"


def test_one_part_that_cannot_run_does_not_end_the_others(make: Make) -> None:
    dev = make(RELAY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    dev.start()
    wait_until(lambda: any("worker |" in line.replace("  ", " ") for line in dev.lines))
    wait_until(lambda: _taken(dev), within=PATIENCE_S)
    assert dev.process.poll() is None
    dev.process.send_signal(signal.SIGTERM)
    assert dev.ended() == 0


def _taken(dev: Dev) -> bool:
    try:
        dev.send("m1")
    except (requests.RequestException, AssertionError):
        return False
    return True
