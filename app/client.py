"""HTTP calls to a destination: bounded in time and in size, never repeated, never redirected."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from app.destination import Answer, Destination, Endpoint, Lost, NotSent, Reply, Request
from app.settings import DestinationSettings

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BODY_BYTES_MAX = 1024 * 1024  # Kana's probe lists all features of an account
HEADERS = {"User-Agent": "usage-relay", "Accept-Encoding": "identity"}
RETRY_AFTER_MAX = timedelta(hours=1)
ERROR_LENGTH_MAX = 300

# One TLS record: a longer piece would be several writes, each with the whole time-out.
_PIECE_BYTES = 16 * 1024
_FINAL_STATUS_MIN = 200


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Client:
    """Calls the API of one account; threads may share it.

    Nothing is sent and no answer is awaited after the account's `deadline`. Finding the host and
    connecting is bounded by `connect_timeout` for each of its addresses.
    """

    def __init__(
        self,
        destination: Destination[Any],
        account: DestinationSettings,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        own = Endpoint(destination.base_url(account), destination.headers(account))
        self._endpoints = {"": own, **destination.endpoints(account)}
        self._secrets = _secrets(account)
        self._account = account
        self._clock = clock
        self._adapter = _adapter(account, hosts=len(self._endpoints))

    def send(self, request: Request, since: float | None = None) -> Reply:
        """What came of the call. What the network or the destination does raises nothing.

        The deadline counts from `since` (s, monotonic), else from now.
        """
        began = monotonic() if since is None else since
        call = _Call(began, self._account.deadline, self._account.read_timeout)
        before = _call.set(call)
        try:
            return self._answer(request)
        except (OSError, HTTPError, HTTPException) as error:
            why = self._masked(_cause(error))[:ERROR_LENGTH_MAX]
            host = urlsplit(self._endpoints[request.endpoint].base_url).netloc
            if call.sent:
                return Lost(f"{host} gave no complete answer: {why}")
            return NotSent(f"{host} was not reached: {why}")
        finally:
            _call.reset(before)

    def close(self) -> None:
        """Close the connections that wait for the next call."""
        self._adapter.close()

    def _answer(self, request: Request) -> Answer:
        endpoint = self._endpoints[request.endpoint]
        prepared = requests.Request(
            request.method,
            endpoint.base_url.rstrip("/") + request.path,
            headers={**request.headers, **HEADERS, **endpoint.headers},
            data=request.body,
        ).prepare()
        connect = min(self._account.connect_timeout, self._account.deadline)
        response = self._adapter.send(prepared, stream=True, timeout=connect.total_seconds())
        try:
            body = _start(response.raw)
        finally:
            response.close()
        headers = {name.lower(): self._masked(text) for name, text in response.headers.items()}
        after = retry_after(headers.get("retry-after"), now=self._clock())
        return Answer(response.status_code, headers, self._masked_body(body), after)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _masked_body(self, body: bytes) -> bytes:
        for secret in self._secrets:
            body = body.replace(secret.encode(), b"***")
        return body


def retry_after(written: str | None, *, now: datetime) -> timedelta | None:
    """The wait that a Retry-After asks for, in seconds or as a date; None when it says none."""
    if written is None:
        return None
    try:
        wait = _seconds(written) if written.strip().isdecimal() else _until(written, now)
    except (ValueError, OverflowError):
        return None
    return min(wait, RETRY_AFTER_MAX) if wait >= timedelta(0) else None


class _Call:
    """The clock of one call, and whether any of it may have gone out."""

    def __init__(self, began: float, deadline: timedelta, silence_max: timedelta) -> None:
        self.sent = False
        self._deadline = deadline
        self._ends_at = began + deadline.total_seconds()
        self._silence_max = silence_max.total_seconds()

    def patience(self) -> float:
        """How long (s) the next read or write may take. Raises TimeoutError after the deadline."""
        left = self._ends_at - monotonic()
        if left <= 0:
            raise TimeoutError(f"not done within {self._deadline.total_seconds():g} s")
        return min(left, self._silence_max)


# urllib3 makes connections and reads answers on the calling thread, but passes nothing through.
_call: ContextVar[_Call] = ContextVar("_call")


class _PatientReader(RawIOBase):
    """Reads a socket with the time-out that the call has left, set anew before each read."""

    def __init__(self, raw: RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._sock.settimeout(_call.get().patience())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is read within the call's time."""

    def __init__(
        self, sock: socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = BufferedReader(_PatientReader(self.fp.detach(), sock))

    def begin(self) -> None:
        super().begin()
        # The final answer to come would be taken for that of the connection's next request.
        if self.status < _FINAL_STATUS_MIN:
            raise HTTPException(f"status {self.status} came instead of a final one")


class _Connection(HTTPConnection):
    """A connection that sends within the call's time."""

    response_class = _Response

    def send(self, data: Any) -> None:  # noqa: ANN401 - as http.client has it
        if self.sock is None:
            self.connect()
        call = _call.get()
        for start in range(0, len(data), _PIECE_BYTES):
            self.sock.settimeout(call.patience())
            call.sent = True
            super().send(data[start : start + _PIECE_BYTES])


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _adapter(account: DestinationSettings, *, hosts: int) -> HTTPAdapter:
    """Requests without its Session: that adds redirects, cookies, proxies and netrc."""
    adapter = HTTPAdapter(pool_connections=hosts, pool_maxsize=account.concurrency, max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return adapter


def _start(raw: BaseHTTPResponse) -> bytes:
    """The body up to the bound; whole, so that the connection serves again, if it is shorter."""
    body = b""
    while len(body) < BODY_BYTES_MAX and (piece := raw.read(BODY_BYTES_MAX - len(body))):
        body += piece
    return body


def _seconds(written: str) -> timedelta:
    return timedelta(seconds=min(int(written), RETRY_AFTER_MAX.total_seconds()))


def _until(written: str, now: datetime) -> timedelta:
    moment = parsedate_to_datetime(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


def _secrets(account: DestinationSettings) -> tuple[str, ...]:
    values = (getattr(account, name) for name in type(account).model_fields)
    return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))


def _cause(error: BaseException) -> str:
    """The error that began it: the layers above it only add addresses of objects."""
    while below := error.__cause__ or error.__context__:
        error = below
    return " ".join(f"{type(error).__name__}: {error}".split())
