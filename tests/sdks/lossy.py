"""Stands before ingest and loses an answer, as a network does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

OF_ONE_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class Lossy(ThreadingHTTPServer):
    """Hands requests on to `target`; the first that brings events is stored but not answered."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Hop)
        self.target = target
        self._to_lose = threading.Semaphore(1)

    def loses(self, method: str) -> bool:
        return method == "POST" and self._to_lose.acquire(blocking=False)


class Hop(BaseHTTPRequestHandler):
    server: Lossy

    def hand_on(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = self.server.target + self.path
        headers = dict(self.headers)
        answer = requests.request(self.command, url, data=sent, headers=headers, timeout=20)
        if self.server.loses(self.command):
            return
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in OF_ONE_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_OPTIONS = hand_on  # noqa: N815 - the names are http.server's

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def first_answer_lost(target: str) -> Iterator[str]:
    """An address before the target's."""
    with Lossy(target) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
