"""What app/client.py promises, against real sockets that misbehave."""

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import repeat
from select import select
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.client import BODY_BYTES_MAX, RETRY_AFTER_MAX, Client, retry_after
from app.destination import Answer, Destination, Lost, NotSent, Reply, Request
from app.settings import DestinationSettings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CALL = Request("/usage", b'{"n":1}', headers={"Content-Type": "application/json"})

Script = Callable[[socket.socket], None]


class MeterAccount(DestinationSettings):
    token: SecretStr = SecretStr("s3cr3t")


METER: Destination[MeterAccount] = Destination(
    kind="meter",
    name="Meter",
    account=MeterAccount,
    accepts=frozenset(),
    transform=lambda _event, _account: pytest.fail("a client transforms nothing"),
    compose=lambda _items, _account: pytest.fail("a client composes nothing"),
    read=lambda _reply: pytest.fail("a client judges nothing"),
    base_url=lambda account: account.base_url or "",
    headers=lambda account: {"X-Token": account.token.get_secret_value()},
    probe=lambda _account: Request("/probe"),
)


class Server:
    """A socket that plays one script for each connection, in the order in which they come."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.connections: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]

    def __enter__(self) -> "Server":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listening, *self.connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listening, *self.connections):
            each.close()

    def _accept(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            self._threads.append(Thread(target=self._play, args=(script, connection)))
            self._threads[-1].start()

    def _play(self, script: Script, connection: socket.socket) -> None:
        with suppress(OSError):
            script(connection)


def answer(
    *answers: bytes, then: Script = lambda _: None, seen: list[bytes] | None = None
) -> Script:
    """Take one request for each answer."""

    def script(connection: socket.socket) -> None:
        for each in answers:
            request = request_from(connection)
            if seen is not None:
                seen.append(request)
            connection.sendall(each)
        then(connection)

    return script


def request_from(connection: socket.socket) -> bytes:
    read = b""
    while not is_whole(read) and (more := connection.recv(65536)):
        read += more
    return read


def is_whole(request: bytes) -> bool:
    head, gap, body = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return bool(gap) and len(body) >= int(lengths[0].partition(b":")[2])


def close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drip(piece: bytes) -> Script:
    """Send the piece again and again until the client leaves."""

    def script(connection: socket.socket) -> None:
        while not select([connection], [], [], 0.01)[0]:
            connection.sendall(piece)

    return script


@contextmanager
def client_of(url: str, **settings: object) -> Iterator[Client]:
    account = MeterAccount.model_validate(
        {"id": "meter", "kind": "meter", "base_url": url, **settings}
    )
    client = Client(METER, account, clock=lambda: NOW)
    yield client
    client.close()


def reply_to(*scripts: Script, **settings: object) -> Reply:
    with Server(*scripts) as server, client_of(server.url, **settings) as client:
        return client.send(CALL)


def kind_and_cause(reply: Reply) -> tuple[type[Reply], str]:
    """The error without the address that it begins with."""
    assert not isinstance(reply, Answer)
    return type(reply), reply.error.partition(" ")[2]


def test_a_request_carries_its_body_its_headers_and_the_credentials() -> None:
    seen: list[bytes] = []
    with Server(answer(OK, seen=seen)) as server, client_of(f"{server.url}/v2") as client:
        client.send(CALL)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert (line, body) == ("POST /v2/usage HTTP/1.1", CALL.body)
    assert {tuple(header.split(": ")) for header in headers} == {
        ("Host", server.address),
        ("User-Agent", "usage-relay"),
        ("Accept-Encoding", "identity"),
        ("Content-Type", "application/json"),
        ("Content-Length", "7"),
        ("X-Token", "s3cr3t"),
    }


def test_an_answer_is_read_whole() -> None:
    raw = b"HTTP/1.1 429 No\r\nX-Request-ID: r1\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"
    headers = {"x-request-id": "r1", "retry-after": "7", "content-length": "2"}
    assert reply_to(answer(raw)) == Answer(429, headers, b"no", timedelta(seconds=7))


@pytest.mark.parametrize(
    ("raw", "then"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\nok", close),
        (b"HTTP/1.0 200 OK\r\n\r\nok", close),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
    ],
)
def test_every_framing_of_an_answer_is_understood(raw: bytes, then: Script | None) -> None:
    reply = reply_to(answer(raw, then=then or (lambda _: None)))
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (200, b"ok")


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 400, 401, 409, 500, 503])
def test_every_final_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    raw = f"HTTP/1.1 {status} x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode()
    headers = {"location": "/elsewhere", "content-length": "0"}
    assert reply_to(answer(raw)) == Answer(status, headers)


def test_a_refused_connection_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    with client_of(f"http://{address}") as client:
        assert client.send(CALL) == NotSent(
            f"{address} was not reached: ConnectionRefusedError: [Errno 111] Connection refused"
        )


def test_a_host_that_is_not_known_sent_nothing() -> None:
    with client_of("http://relay.invalid") as client:
        assert kind_and_cause(client.send(CALL))[0] is NotSent


def test_a_connection_that_takes_too_long_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with client_of(url, connect_timeout="100ms") as client:
            assert kind_and_cause(client.send(CALL)) == (
                NotSent,
                "was not reached: TimeoutError: timed out",
            )


@pytest.mark.parametrize("script", [lambda c: c.sendall(b"no TLS"), lambda _: None, close])
def test_a_failed_tls_handshake_sent_nothing(script: Script) -> None:
    with Server(script) as server:
        url = f"https://{server.address}"
        with client_of(url, connect_timeout="100ms") as client:
            assert kind_and_cause(client.send(CALL))[0] is NotSent


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            answer(b"", then=close),
            "RemoteDisconnected: Remote end closed connection without response",
        ),
        (answer(b"", then=reset), "ConnectionResetError: [Errno 104] Connection reset by peer"),
        (answer(b""), "TimeoutError: timed out"),
        (answer(b"HTTP/1.1 200 OK\r\nContent-Le"), "TimeoutError: timed out"),
        (answer(b"nonsense\r\n\r\n"), "BadStatusLine: nonsense"),
        (
            answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", then=close),
            "IncompleteRead: IncompleteRead(2 bytes read, 7 more expected)",
        ),
        (
            answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", then=close),
            "IncompleteRead: IncompleteRead(2 bytes read, 7 more expected)",
        ),
        (
            answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK),
            "HTTPException: status 103 came instead of a final one",
        ),
    ],
)
def test_whatever_fails_after_sending_is_lost(script: Script, why: str) -> None:
    reply = reply_to(script, read_timeout="100ms")
    assert kind_and_cause(reply) == (Lost, f"gave no complete answer: {why}")


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"h"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"b"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n"),
    ],
)
def test_the_deadline_ends_an_answer_that_drips(start: bytes, piece: bytes) -> None:
    reply = reply_to(answer(start, then=drip(piece)), deadline="300ms", read_timeout="1h")
    assert kind_and_cause(reply)[0] is Lost


def test_the_deadline_ends_a_request_that_is_not_taken() -> None:
    patient = {"deadline": "300ms", "read_timeout": "1h"}
    with Server(lambda _: None) as server, client_of(server.url, **patient) as client:
        assert kind_and_cause(client.send(Request("/usage", bytes(50_000_000))))[0] is Lost


def test_a_call_is_never_repeated() -> None:
    with Server(answer(b"", then=reset), answer(OK)) as server, client_of(server.url) as client:
        assert isinstance(client.send(CALL), Lost)
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    "raw", [OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]
)
def test_a_connection_serves_again_after_a_short_answer(raw: bytes) -> None:
    with Server(answer(raw, raw, raw)) as server, client_of(server.url) as client:
        assert [bodies(client.send(CALL)) for _ in range(3)] == [b"ok"] * 3
        assert len(server.connections) == 1


def test_a_long_answer_is_cut_and_its_connection_given_up() -> None:
    size = 2 * BODY_BYTES_MAX
    long = b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    with Server(answer(long), answer(OK)) as server, client_of(server.url) as client:
        assert bodies(client.send(CALL)) == bytes(BODY_BYTES_MAX)
        assert bodies(client.send(CALL)) == b"ok"


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    with Server(answer(OK, then=close), answer(OK)) as server, client_of(server.url) as client:
        client.send(CALL)
        server.connections[0].recv(1)
        assert bodies(client.send(CALL)) == b"ok"


def test_a_kept_connection_that_breaks_under_a_call_is_lost() -> None:
    script = answer(OK, b"", then=reset)
    with Server(script, answer(OK)) as server, client_of(server.url) as client:
        client.send(CALL)
        assert isinstance(client.send(CALL), Lost)


def test_an_answer_that_comes_before_the_whole_request_counts() -> None:
    def refuses_early(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        while connection.recv(1_000_000):
            pass

    with Server(refuses_early) as server, client_of(server.url) as client:
        reply = client.send(Request("/usage", bytes(5_000_000)))
    assert reply == Answer(413, {"content-length": "0"})


def test_threads_share_a_client() -> None:
    def echo(connection: socket.socket) -> None:
        while request := request_from(connection):
            body = request.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body)

    numbers = [b"%03d" % number for number in range(40)]
    calls = [Request("/usage", number) for number in numbers]
    with (
        Server(*repeat(echo, 40)) as server,
        client_of(server.url) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        replies = list(threads.map(client.send, calls))
    assert [bodies(reply) for reply in replies] == numbers


def test_cookies_and_proxies_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    seen: list[bytes] = []
    with Server(answer(cookie, OK, seen=seen)) as server, client_of(server.url) as client:
        assert [bodies(client.send(CALL)) for _ in range(2)] == [b"ok"] * 2
    assert b"cookie" not in seen[1].lower()


def test_a_secret_that_comes_back_is_masked() -> None:
    raw = b"HTTP/1.1 400 No\r\nX-Seen: s3cr3t\r\nContent-Length: 14\r\n\r\nno key: s3cr3t"
    assert reply_to(answer(raw)) == Answer(
        400, {"x-seen": "***", "content-length": "14"}, b"no key: ***"
    )
    refused = reply_to(answer(b"s3cr3t\r\n\r\n"))
    assert kind_and_cause(refused) == (Lost, "gave no complete answer: BadStatusLine: ***")


def test_an_error_is_one_short_line() -> None:
    reply = reply_to(answer(b"x\t" * 9999 + b"\r\n\r\n"))
    _, why = kind_and_cause(reply)
    assert why == "gave no complete answer: " + ("BadStatusLine: " + "x " * 9999)[:300]


@pytest.mark.parametrize(
    ("written", "wait"),
    [
        (None, None),
        ("0", timedelta(0)),
        (" 120 ", timedelta(seconds=120)),
        ("86400", RETRY_AFTER_MAX),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Fri, 02 Jan 2026 03:04:35 GMT", timedelta(seconds=30)),
        ("Fri, 02 Jan 2026 03:04:35 -0000", timedelta(seconds=30)),
        ("Fri, 02 Jan 2026 03:04:05 GMT", timedelta(0)),
        ("Fri, 02 Jan 2026 03:04:04 GMT", None),
        ("Sat, 02 Jan 2027 03:04:05 GMT", RETRY_AFTER_MAX),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_an_hour(
    written: str | None, wait: timedelta | None
) -> None:
    assert retry_after(written, now=NOW) == wait


@given(
    st.text()
    | st.from_regex(r"\A\w{3}, \d+ Jan \d+ \d+:\d+:\d+ [-+]?\w+\Z")
    | st.integers().map(str)
)
def test_whatever_retry_after_says_the_wait_is_bounded(written: str) -> None:
    wait = retry_after(written, now=NOW)
    assert wait is None or timedelta(0) <= wait <= RETRY_AFTER_MAX


def bodies(reply: Reply) -> bytes:
    assert isinstance(reply, Answer), reply
    return reply.body
