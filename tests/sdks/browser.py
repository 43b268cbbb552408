"""Pages of another origin than the relay's, opened in a real browser."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.sdks.installed import found, node_modules

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without most of these it asks for hosts of its maker's.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What a bundler does in production: `@segment/analytics-next` becomes what the browser can load.
PAGE = """<!doctype html>
<script type="importmap">{"imports": {"@segment/analytics-next": "/sdk.js"}}</script>
<script src="/umd/index.js"></script>
"""
SDK = "export const { AnalyticsBrowser } = window.AnalyticsNext"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def page(script: str) -> str:
    """A page that runs a module in which the browser's SDK can be imported."""
    return f'{PAGE}<script type="module">{script}</script>'


@contextmanager
def shown(folder: Path, **pages: str) -> Iterator[None]:
    """A browser that has opened the page called `start`; the others stand at /<name>.html."""
    for name, written in pages.items():
        (folder / f"{name}.html").write_text(written)
    (folder / "sdk.js").write_text(SDK)
    (folder / "umd").symlink_to(node_modules() / "@segment" / "analytics-next" / "dist" / "umd")
    with serving(folder) as address, browser_at(f"{address}/start.html", folder / "profile"):
        yield


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def browser_at(url: str, profile: Path) -> Iterator[None]:
    command = [found(*BROWSERS), *FLAGS, f"--user-data-dir={profile}", url]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        browser.terminate()
        browser.wait(10)
