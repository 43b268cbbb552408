"""docs/api.md: every sample does what the page shows, and the page names every route and code."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import redis

from app.clock import milliseconds
from app.console.api.answers import FaultCode
from app.dead_letters import DeadLetters, Filter
from app.flags import Flags
from app.presence import Worker, announce, announce_tick
from tests.consoling import KABLE, Client, settings
from tests.everywhere import fill
from tests.spec.test_6_api import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGING = {
    r"\d+-\d+-[a-z]+": "a cursor",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z": "a moment",
    r"\d+-\d+-\d+(\.[0-9a-z]+)?": "a letter",
    r"[0-9a-f]{12}": "an id",
    r"\d{16}": "a cursor",
}


def calls(text: str) -> Iterator[list[str]]:
    """The words of each call in a block, its variables in their places as `$name`."""
    for call in text.replace("\\\n", "").split("curl ")[1:]:
        yield shlex.split(call)


def test_every_sample_answers_what_the_page_shows(
    console: Client, store: redis.Redis, store_url: str
) -> None:
    fill(store, settings(store_url))
    announce(store, Worker("one", 4), ["pump.kable", "pump.kana"], milliseconds())
    announce_tick(store, milliseconds())
    newest = DeadLetters(store, KABLE).page(Filter()).items[-1]
    flag = Flags(store, "kana").page(None, 1).flags[0].id
    names = {"letter": newest.id, "group": newest.letter.group, "flag": flag}
    found: Any = None
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language == "json":
            assert timeless(found) == timeless(json.loads(text))
            continue
        for words in calls(text):
            found = answered(console, words, names)
            if re.fullmatch(r"[0-9a-f]{12}", str(found.get("id", ""))) and "count" in found:
                names["replay"] = found["id"]


def answered(console: Client, words: list[str], names: dict[str, str]) -> Any:  # noqa: ANN401
    """What a call answers; as curl it posts what it is given."""
    options = dict(pairwise(words))
    [url] = [word for word in words if word.startswith("$api")]
    path = re.sub(r"\$(\w+)", lambda name: names[name[1]], url.removeprefix("$api"))
    body = re.sub(r"\$(\w+)", lambda name: names[name[1]], options.get("-d", ""))
    method = options.get("-X", "POST" if body else "GET")
    assert options["-H"] == "$auth"
    return console.call(method, path, data=body).json()


def timeless(found: Any) -> Any:  # noqa: ANN401 - JSON
    """The same without what is another with each run."""
    match found:
        case dict():
            return {name: timeless(value) for name, value in found.items() if name != "hours"}
        case list():
            return [timeless(one) for one in found]
        case str():
            for pattern, word in CHANGING.items():
                found = re.sub(rf"\b{pattern}(?![\w-])", word, found)
            return found
        case float():
            return 1.0
    return found


def test_the_page_lists_every_route() -> None:
    table = PAGE.read_text().partition("\n## Routes\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| ([A-Z]+) \| `(/[^`?]*)", table, re.MULTILINE))
    there = {
        (method, route.path.replace(":path}", "}").removeprefix("/api"))
        for route in ENDPOINTS
        for method in route.methods
    }
    assert listed == there | {("GET", "/openapi.json")}


def test_the_page_explains_every_code() -> None:
    table = PAGE.read_text().partition("\n## Faults\n")[2]
    rows = re.findall(r"^\| [\d, ]+ \| ([^|]+) \|", table, re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert (len(codes), set(codes)) == (len(set(codes)), set(get_args(FaultCode)))
