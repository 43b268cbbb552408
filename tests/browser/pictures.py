"""`python -m tests.browser.pictures`: takes the pictures of the console in docs/pictures.

It runs a relay of its own for a minute, with a story (`scene.py`), and needs a Chromium. With
pngquant at hand the pictures are a third of the size.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import redis
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.clock import milliseconds
from app.dev import parts
from tests.browser.conftest import Relay
from tests.browser.scene import TRACED, UNKNOWN, play, usage
from tests.chaos.plant import Plant, started
from tests.processes import http_answers, wait_until
from tests.sdks.browser import BROWSERS, FLAGS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
DESK: Mapping[str, int] = {"width": 1280, "height": 860}
PHONE: Mapping[str, int] = {"width": 400, "height": 860}
SETTLED_MS = 2_500
PATIENCE_MS = 20_000

Step = Callable[[Page], object]


class Camera:
    """Takes a page as an operator has it before the eyes."""

    def __init__(self, browser: Browser, relay: Relay) -> None:
        self._browser = browser
        self._relay = relay

    def take(
        self,
        name: str,
        path: str,
        step: Step = lambda _: None,
        *,
        screen: Mapping[str, int] = DESK,
        dark: bool = False,
    ) -> None:
        theme = "dark" if dark else "light"
        context = self._browser.new_context(
            base_url=self._relay.console, viewport=dict(screen), color_scheme=theme
        )
        context.set_default_timeout(PATIENCE_MS)
        context.request.post("/login", form={"token": "dev"}, max_redirects=0)
        page = context.new_page()
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        step(page)
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=FOLDER / f"{name}.png")
        context.close()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with running() as relay, sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            sys.exit(f"pictures need a browser: one of {', '.join(BROWSERS)}")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        play(relay)
        take_all(Camera(browser, relay), relay)
        browser.close()
    shrink()


@contextmanager
def running() -> Iterator[Relay]:
    """A relay as `relay dev` has it, in a folder that goes when it ends."""
    with tempfile.TemporaryDirectory() as folder:
        began = milliseconds()
        plant = Plant(Path(folder), workers=1, system=partial(parts, own_store=True))
        with (
            started(plant, lambda: plant.flows(began)),
            redis.Redis.from_url(plant.store_url) as store,
        ):
            wait_until(lambda: http_answers(f"{plant.console_url}/healthz"))
            ingest = f"http://127.0.0.1:{plant.ingest_port}"
            yield Relay(plant.console_url, ingest, plant.sandbox_url, plant.settings, store)


def take_all(camera: Camera, relay: Relay) -> None:
    """In an order in which the story goes on: what comes last changes what the first show."""
    camera.take("overview", "/")
    camera.take("overview-dark", "/", dark=True)
    camera.take("overview-phone", "/", screen=PHONE)
    camera.take("pipeline", "/destinations/kable", pipeline)
    camera.take("dead-letters", "/dead-letters")
    camera.take("unconfirmed", "/unconfirmed", ask)
    camera.take("trace", f"/trace?message_id={TRACED}")
    camera.take("unmapped", "/unmapped?event=Report+Exported&path=format&value=pdf")
    letter = newest_letter(relay)
    camera.take("letter", letter)
    camera.take("letter-phone", letter, screen=PHONE, dark=True)
    camera.take("live", "/live", lambda _: usage(relay, batches=1), dark=True)
    begin_replay(relay)
    camera.take("replays", "/replays", follow)
    relay.answers("kable", status=401)
    relay.send(messageId="refused")
    camera.take("paused", "/", paused)


def newest_letter(relay: Relay) -> str:
    query = {"user": UNKNOWN, "limit": "1"}
    found = asked(relay, "GET", "/dead-letters", params=query).json()["items"][0]
    return f"/dead-letters/kable/{found['id']}"


def begin_replay(relay: Relay) -> None:
    """So slow that it runs while its picture is taken."""
    asked(relay, "POST", "/dead-letters/replay", json={"filter": {"user": UNKNOWN}, "rate": 1})


def asked(relay: Relay, method: str, path: str, **more: object) -> requests.Response:
    url = f"{relay.console}/api/destinations/kable{path}"
    headers = {"Authorization": "Bearer dev"}
    answer = requests.request(method, url, headers=headers, timeout=10, **more)
    assert answer.ok, answer.text
    return answer


def pipeline(page: Page) -> None:
    heading = page.get_by_role("heading", name="Pipeline")
    heading.evaluate("it => window.scrollTo(0, it.getBoundingClientRect().top - 120)")


def ask(page: Page) -> None:
    page.get_by_role("button", name="Ask kana").click()


def follow(page: Page) -> None:
    """Until some of it is through."""
    page.wait_for_timeout(2 * SETTLED_MS)


def paused(page: Page) -> None:
    expect(page.get_by_role("status").get_by_text("kable is paused")).to_be_visible()


def shrink() -> None:
    quantiser = shutil.which("pngquant")
    for path in sorted(FOLDER.glob("*.png")):
        if quantiser:
            words = (quantiser, "--force", "--skip-if-larger", "--output", path, "64", path)
            subprocess.run(words, check=False)
        sys.stdout.write(f"{path.name} {path.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
