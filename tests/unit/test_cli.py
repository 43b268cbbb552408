import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import redis
from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict

from app.cli.lines import BATCH_BYTES_MAX, Faults, Line, Repeats, batches, event
from app.cli.progress import estimate
from app.cli.send import Later, Refused, Taken, meaning
from app.cli.status import exit_code
from app.destination import Answer, Lost, NotSent, Reply
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.dev import called, taken
from app.findings import (
    Finding,
    beat,
    clock,
    credentials,
    eviction,
    forgetfulness,
    memory,
    persistence,
    replication,
    tokens,
    version,
    workers,
)
from app.outcome import Delivered, Unavailable
from app.presence import (
    Worker,
    announce,
    announce_tick,
    leave,
    live_processes,
    live_queues,
    ticking,
)
from app.readiness import Obstacle
from app.settings import OperatorSettings
from tests.processes import free_port

RELAY = str(Path(sys.executable).with_name("relay"))

ACCOUNT = KableAccount(
    id="kable", api_key=SecretStr("sk_test.x"), kable_client_id="kci_x", queue="billing"
)


def relay(*words: str, folder: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        (RELAY, *words), cwd=folder, input=given, capture_output=True, check=False, timeout=60
    )


class Ingest(ThreadingHTTPServer):
    """Takes batches, after giving the answers that it was told to give first."""

    def __init__(self, first: Sequence[tuple[int, dict[str, str]]] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.first = list(first)
        self.events: list[dict[str, object]] = []
        self.credentials: set[str] = set()
        self.sizes: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Requests(BaseHTTPRequestHandler):
    server: Ingest

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.server.first.pop(0) if self.server.first else (200, {})
        if status == 200:
            self.server.sizes.append(len(body))
            self.server.events += json.loads(body)["batch"]
            self.server.credentials.add(self.headers["Authorization"])
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


Serve = Callable[[Ingest], Ingest]


@pytest.fixture
def serve() -> Iterator[Serve]:
    begun: list[Ingest] = []

    def begin(server: Ingest) -> Ingest:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        begun.append(server)
        return server

    yield begin
    for server in begun:
        server.shutdown()
        server.server_close()


@pytest.fixture
def repeats() -> Iterator[Repeats]:
    repeats = Repeats()
    yield repeats
    repeats.close()


def test_version_and_help_answer_without_a_configuration(tmp_path: Path) -> None:
    assert relay("--version", folder=tmp_path).stdout == b"usage-relay 0.1.0\n"
    for command in ("dev", "check", "status", "reconcile", "send"):
        shown = relay(command, "--help", folder=tmp_path)
        assert (shown.returncode, b"Example: relay " in shown.stdout) == (0, True)


def test_wrong_use_ends_with_2(tmp_path: Path) -> None:
    assert relay("send", "nowhere.ndjson", folder=tmp_path).returncode == 2
    assert relay("status", "--wait", "soon", folder=tmp_path).returncode == 2
    folder = relay("send", ".", folder=tmp_path)
    assert (folder.returncode, b". is a folder; expected a file" in folder.stderr) == (2, True)
    for words in (("send", "-"), ("status",)):
        wrong = relay(*words, "--url", "localhost:8000", folder=tmp_path)
        assert (wrong.returncode, b"expected http://" in wrong.stderr) == (2, True)


def test_where_no_relay_toml_is_found_the_commands_say_where_they_looked(tmp_path: Path) -> None:
    for command in ("check", "status"):
        ended = relay(command, folder=tmp_path)
        shown = (ended.stdout + ended.stderr).decode()
        assert ended.returncode == 1
        assert f"no relay.toml in {tmp_path}" in shown
        assert "copy relay.example.toml to relay.toml" in shown


def test_every_fault_of_the_configuration_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('store_url = 3\nnonsense = "x"\n')
    checked = relay("check", "--json", folder=tmp_path)
    findings = json.loads(checked.stdout)["items"]
    assert checked.returncode == 1
    assert {(one["part"], one["state"]) for one in findings} == {("configuration", "failed")}
    assert b"store_url" in checked.stdout
    assert b"nonsense" in checked.stdout


def test_a_store_that_is_away_is_not_reachable(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "relay.toml").write_text(
        f'store_url = "redis://127.0.0.1:{free_port()}/0"\n'
        '[sources.one]\nwrite_key = "one"\ndestinations = ["kable"]\n'
        f'[destinations.kable]\nkind = "kable"\nbase_url = "{url}"\n'
        'api_key = "sk_test.x"\nkable_client_id = "kci_x"\n'
    )
    status = relay("status", "--url", url, folder=tmp_path)
    assert (status.returncode, b"Traceback" in status.stderr) == (3, False)
    assert b"the store does not answer" in status.stderr
    checked = relay("check", "--json", folder=tmp_path)
    found = {one["part"]: one["state"] for one in json.loads(checked.stdout)["items"]}
    assert found == {
        "configuration": "ok",
        "store": "failed",
        "broker": "failed",
        "destination kable": "failed",
    }
    assert b"look at base_url and the network" in checked.stdout


@pytest.mark.parametrize(
    ("aof", "fsync", "expected"),
    [
        (1, "always", "ok"),
        (1, "everysec", "warning"),
        (1, "no", "failed"),
        (1, None, "warning"),
        (0, "always", "failed"),
    ],
)
def test_durability_is_what_the_store_says_it_is(
    aof: int, fsync: str | None, expected: str
) -> None:
    info = {"aof_enabled": aof, "aof_last_write_status": "ok"}
    assert [finding.state for finding in persistence(info, fsync)] == [expected]


def test_a_store_that_cannot_write_has_failed() -> None:
    (finding,) = persistence({"aof_enabled": 1, "aof_last_write_status": "err"}, "always")
    assert (finding.state, finding.found) == ("failed", "the store cannot write to disk")


@pytest.mark.parametrize(
    ("fsync", "accepted", "refused"),
    [
        ("always", False, []),
        ("everysec", False, ["destination kana"]),
        (None, False, ["destination kana"]),
        ("everysec", True, []),
        (None, True, []),
    ],
)
def test_a_store_that_forgets_is_accepted_by_name_where_a_call_must_not_be_repeated(
    fsync: str | None, accepted: bool, refused: list[str]
) -> None:
    kana = KanaAccount(id="kana", api_key=SecretStr("prv_test_x"), accept_everysec=accepted)
    findings = list(forgetfulness([ACCOUNT, kana], fsync))
    assert [finding.part for finding in findings if finding.state == "failed"] == refused
    assert all("destinations.kana.accept_everysec" in finding.advice for finding in findings)


def test_only_noeviction_keeps_what_was_accepted() -> None:
    states = [eviction({"maxmemory_policy": name}).state for name in ("noeviction", "allkeys-lru")]
    assert states == ["ok", "failed"]


@pytest.mark.parametrize(
    ("used", "limit", "expected"),
    [(1, 0, "warning"), (75, 100, "ok"), (76, 100, "warning"), (91, 100, "failed")],
)
def test_memory_is_looked_at_before_it_runs_out(used: int, limit: int, expected: str) -> None:
    info = {"used_memory": used, "maxmemory": limit}
    assert [finding.state for finding in memory(info)] == [expected]


def test_a_replica_takes_no_events_and_a_fail_over_loses_some() -> None:
    assert [one.state for one in replication({"role": "slave"})] == ["failed"]
    assert [one.state for one in replication({"role": "master", "connected_slaves": 1})] == [
        "warning"
    ]
    assert list(replication({"role": "master", "connected_slaves": 0})) == []


def test_clocks_that_are_more_than_five_seconds_apart_are_found() -> None:
    assert [list(clock(0, apart)) for apart in (5_000, -5_000)] == [[], []]
    assert [one.found for one in clock(10_000, 4_000)] == [
        "the store's clock and this machine's are 6 s apart"
    ]


def test_queues_without_workers_and_pumps_without_processes_are_found() -> None:
    other = ACCOUNT.model_copy(update={"id": "other", "queue": "other", "pumps": 3})
    served = ["pump.billing"]
    assert [(one.state, one.found) for one in workers([ACCOUNT, other], served, 4)] == [
        ("failed", "no worker consumes the queue pump.other"),
        ("warning", "4 processes for 5 pumps: they wait for one another"),
    ]
    assert [one.state for one in workers([ACCOUNT], served, 2)] == ["ok"]


def test_a_beat_that_does_not_tick_has_failed() -> None:
    assert [beat(ticks=ticks).state for ticks in (True, False)] == ["ok", "failed"]


def test_stores_before_version_7_are_refused() -> None:
    valkey = version({"redis_version": "7.2.4", "valkey_version": "9.1.2"})
    assert valkey == Finding("store", "ok", "Valkey 9.1.2")
    assert version({"redis_version": "10.0.1"}).state == "ok"
    assert version({"redis_version": "6.2.14"}).state == "failed"


@pytest.mark.parametrize(
    ("reply", "suspect"),
    [
        (Answer(401), "the credentials"),
        (Answer(403), "the credentials"),
        (Answer(404), "base_url and what it answered"),
        (NotSent("x"), "base_url and the network"),
        (Lost("x"), "base_url and the network"),
    ],
)
def test_a_probe_that_fails_says_where_to_look(reply: Reply, suspect: str) -> None:
    advice = f"look at {suspect}; see destinations.kable"
    finding = Finding("destination kable", "failed", "why", advice)
    assert credentials("kable", reply, Unavailable("why")) == finding


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_destination_that_fails_for_now_needs_nobody(status: int) -> None:
    advice = "it fails now; events wait, nothing to do unless it lasts"
    finding = Finding("destination kable", "failed", "why", advice)
    assert credentials("kable", Answer(status), Unavailable("why")) == finding


def test_credentials_that_are_refused_under_the_status_200_are_suspected() -> None:
    refused = Unavailable("Unauthenticated: look at api_key", cause="credentials")
    advice = "look at the credentials; see destinations.kana"
    assert credentials("kana", Answer(200), refused).advice == advice


def test_a_probe_that_succeeds_finds_the_credentials_good() -> None:
    assert credentials("kable", Answer(200), Delivered()).state == "ok"


def test_status_tells_away_from_not_ready() -> None:
    away, not_ready = Obstacle("away", away=True), Obstacle("not ready")
    assert [exit_code(found) for found in ([], [not_ready], [not_ready, away])] == [0, 1, 3]


def test_a_queue_is_served_while_its_worker_announces_itself(store: redis.Redis) -> None:
    first, second = Worker("a/1", 4), Worker("b/1", 2)
    announce(store, first, ["one", "two"], now=1_000)
    announce(store, second, ["two"], now=9_000)
    assert live_queues(store, since=1_000) == {"one", "two"}
    assert live_queues(store, since=1_001) == {"two"}
    assert [live_processes(store, since=since) for since in (1_000, 1_001)] == [6, 2]
    announce(store, second, ["two"], now=1_000 + 24 * 3_600_000 + 1)
    assert live_queues(store, since=0) == {"two"}
    leave(store, second)
    assert live_processes(store, since=0) == 0


def test_the_tick_announces_itself(store: redis.Redis) -> None:
    assert not ticking(store, since=0)
    announce_tick(store, now=1_000)
    assert [ticking(store, since=since) for since in (1_000, 1_001)] == [True, False]


def test_an_event_keeps_its_bytes_and_gets_a_type_and_an_id(repeats: Repeats) -> None:
    line = b'{"n": 1.10, "messageId": ""}'
    first, second = event(line, repeats), event(line, repeats)
    assert first is not None
    assert second is not None
    assert first == second.replace(b"-1", b"-0")
    assert json.loads(first).keys() == {"n", "messageId", "type"}
    assert b"1.10" in first
    assert re.fullmatch(r"[0-9a-f]{32}-0", json.loads(first)["messageId"])


def test_an_event_that_has_all_stays_as_it_is(repeats: Repeats) -> None:
    whole = {"type": "identify", "messageId": "m1", "userId": "u1"}
    found = event(json.dumps(whole).encode(), repeats)
    assert found is not None
    assert json.loads(found) == whole


@pytest.mark.parametrize("line", [b"[1]", b"{", b'"x"', b'{"a": "\xff"}', b'{"a": 1} {}', b"3"])
def test_what_is_no_object_is_no_event(line: bytes, repeats: Repeats) -> None:
    assert event(line, repeats) is None


def test_batches_are_bounded_in_events_and_in_bytes(repeats: Repeats) -> None:
    lines = b'{"messageId":"m","type":"track"}\n' * 7
    found = list(batches(io.BytesIO(lines), 3, repeats, Faults()))
    assert [(batch.events, batch.read) for batch in found] == [(3, 99), (3, 198), (1, 231)]
    big = json.dumps({"messageId": "m", "type": "track", "x": "x" * 200_000}).encode() + b"\n"
    sizes = [len(batch.body) for batch in batches(io.BytesIO(big * 5), 500, repeats, Faults())]
    assert len(sizes) == 3
    assert max(sizes) <= BATCH_BYTES_MAX + 100


def test_lines_that_are_no_event_are_named_and_left_out(repeats: Repeats) -> None:
    long = b'{"x": "' + b"x" * 2 * BATCH_BYTES_MAX + b'"}\n'
    file = io.BytesIO(b'{"a":1}\n\noops\n' + long + b'{"a":2}\n[3]')
    faults = Faults()
    (batch,) = batches(file, 500, repeats, faults)
    assert [one["a"] for one in json.loads(batch.body)["batch"]] == [1, 2]
    assert (faults.count, str(faults)) == (3, "3, 4, 6")


def test_only_the_first_faults_are_named() -> None:
    faults = Faults()
    for number in range(1, 1_024):
        faults.add(Line(number, b"oops", whole=True, end=0))
    assert str(faults).endswith(", 20 and 1,003 more")


def test_an_answer_of_ingest_says_whether_to_try_again() -> None:
    headers = CaseInsensitiveDict({"retry-after": "7"})
    assert meaning(200, headers) == Taken()
    assert meaning(503, headers) == Later("ingest answers 503", timedelta(seconds=7))
    assert meaning(429, CaseInsensitiveDict()) == Later("ingest answers 429", None)
    refusal = b'{"success": false, "message": "expected another"}'
    assert meaning(401, headers, refusal) == Refused(
        "ingest answers 401: expected another; look at --write-key and --config"
    )
    assert meaning(404, headers, b"<html>") == Refused("ingest answers 404: <html>; look at --url")


def test_an_estimate_says_what_is_left() -> None:
    assert estimate(10, 5_000, 250, 1_000) == "sent 5,000 events, 500/s, 25 %, 30 s left"
    assert estimate(10, 5_000, 250, None) == "sent 5,000 events, 500/s"


def test_a_file_arrives_whole_and_a_second_run_sends_the_same_ids(
    tmp_path: Path, serve: Serve
) -> None:
    lines = [json.dumps({"userId": "u", "n": n % 400}) for n in range(1_200)]
    (tmp_path / "file.ndjson").write_text("\n".join(lines))
    first, second = serve(Ingest()), serve(Ingest())
    for server in (first, second):
        words = ("send", "file.ndjson", "--url", server.url, "--write-key", "key")
        sent = relay(*words, folder=tmp_path)
        assert (sent.returncode, sent.stdout) == (
            0,
            f"sent 1,200 events to {server.url}\n".encode(),
        )
    assert first.events == second.events
    assert [one["n"] for one in first.events] == [n % 400 for n in range(1_200)]
    assert len({one["messageId"] for one in first.events}) == 1_200
    assert first.credentials == {"Basic a2V5Og=="}


def test_sending_goes_on_after_ingest_asked_to_wait(tmp_path: Path, serve: Serve) -> None:
    server = serve(Ingest([(503, {"Retry-After": "0"}), (429, {})]))
    words = ("send", "-", "--url", server.url, "--write-key", "key", "--rate", "100")
    sent = relay(*words, folder=tmp_path, given=b'{"userId":"u"}\noops\n')
    assert (sent.returncode, len(server.events)) == (1, 1)
    assert sent.stderr.endswith(b"left out 1 that are no JSON object: line 2\n")


def test_sending_stops_when_ingest_refuses(tmp_path: Path, serve: Serve) -> None:
    server = serve(Ingest([(401, {})]))
    words = ("send", "-", "--url", server.url, "--write-key", "key")
    sent = relay(*words, folder=tmp_path, given=b'{"userId":"u"}\n')
    assert (sent.returncode, server.events) == (1, [])
    assert sent.stderr.startswith(b"relay: ingest answers 401")
    assert b"again" not in sent.stderr


@pytest.mark.parametrize(
    ("given", "code", "expected"),
    [
        (b"", 0, ["the file holds no event"]),
        (b'{"userId":"u","messageId":"m"}', 0, []),
        (b'{"userId":"u","timestamp":"2026-01-02T03:04:05Z"}', 0, []),
        (b'{"a":1}\n{"a":1}', 0, ["2 events have neither messageId nor timestamp"]),
        (b"[{}]", 1, ["left out 1 that are no JSON object: line 1", "expected one event a line"]),
        (
            b'[\n {"messageId":"m"}\n]',
            1,
            ["no JSON object: line 1, 3", "expected one event a line"],
        ),
        (b"[" + b" " * BATCH_BYTES_MAX + b"{}]", 1, ["line 1", "expected one event a line"]),
    ],
)
def test_after_sending_remarks_say_what_to_know_of_the_file(
    tmp_path: Path, serve: Serve, given: bytes, code: int, expected: list[str]
) -> None:
    server = serve(Ingest())
    words = ("send", "-", "--url", server.url, "--write-key", "key")
    sent = relay(*words, folder=tmp_path, given=given)
    remarks = sent.stderr.decode().splitlines()
    if server.events:
        expected = ["`relay status` shows what was refused", *expected]
    assert (sent.returncode, len(remarks)) == (code, len(expected))
    assert all(part in remark for part, remark in zip(expected, remarks, strict=True))


def test_a_program_is_called_by_its_path_in_this_folder() -> None:
    folder = Path("/home/o/relay")
    programs = (".venv/bin/relay", "/home/o/relay/.venv/bin/relay", "/usr/bin/relay", "./relay")
    assert [called(Path(program), folder) for program in programs] == [
        ".venv/bin/relay",
        ".venv/bin/relay",
        "/usr/bin/relay",
        "./relay",
    ]


def test_ports_that_cannot_be_used_are_all_named() -> None:
    ports = {"ingest": 1, "sandbox": 1, "store": 2}
    assert list(taken(ports, lambda port: port != 2)) == [
        "port 1 is given to ingest and to sandbox; move one with --sandbox-port",
        "port 2, for store, is taken; free it or move store with --store-port",
    ]


def test_a_token_that_could_be_guessed_is_a_finding() -> None:
    short = OperatorSettings(id="ann", token=SecretStr("dev"))
    long = OperatorSettings(id="bob", token=SecretStr("x" * 16))
    [found] = tokens([short, long])
    assert (found.part, found.state) == ("operator ann", "warning")
    assert found.found == "its token has 3 characters and could be guessed"
