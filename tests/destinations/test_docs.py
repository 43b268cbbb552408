"""The pages under docs/destinations: what they show is what happens."""

import inspect
import re
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from app import destinations
from app.destination import Answer, Item, Next
from app.destinations.kable import KABLE, KableAccount
from app.destinations.kana import KANA, KanaAccount
from app.destinations.kana.users import ADVICE
from app.segment import Event
from app.settings import DestinationSettings
from tests.destinations import samples, test_conformance
from tests.destinations.conftest import Subject

DOCS = Path(__file__).parents[2] / "docs" / "destinations"
EXAMPLE = "adding-one.md"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page, in its order, those within a list too."""
    fence = re.compile(rf"^( *)```{language}\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    return [dedent(found[2]) for found in fence.finditer((DOCS / page).read_text())]


def test_kables_sample_leaves_byte_for_byte_as_its_page_shows() -> None:
    written = tomllib.loads(blocks("kable.md", "toml")[0])["destinations"]["kable"]
    account = KableAccount.model_validate({"id": "kable", **written})
    event, sent = blocks("kable.md", "json")
    item = KABLE.transform(Event.decode(event.encode()), account)
    assert isinstance(item, Item)
    request = KABLE.compose([item], account)
    assert request.body.decode() == sent.rstrip("\n")
    assert f"{request.method} {KABLE.base_url(account)}{request.path}`" in page_text("kable.md")


def test_kanas_samples_leave_byte_for_byte_as_its_page_shows() -> None:
    account = kana_of(blocks("kana.md", "toml")[0])
    identify, find, find_import, create, track, record, _ = blocks("kana.md", "json")
    for event, sent in ((identify, find), (track, record)):
        item = KANA.transform(Event.decode(event.encode()), account)
        assert isinstance(item, Item)
        request = KANA.compose([item], account)
        assert request.body.decode() == sent.rstrip("\n")
        where = f"{request.method} {KANA.base_url(account)}{request.path}`"
        assert page_text("kana.md").count(where) == 2
    asked = KANA.transform(Event.decode(identify.encode()), account)
    assert isinstance(asked, Item)
    request = KANA.compose([asked], account)
    for sent in (find_import, create):
        following = KANA.read(Answer(200, body=b'{"data":{"user":null}}'), request)
        assert isinstance(following, Next)
        request = following.request
        assert request.body.decode() == sent.rstrip("\n")


def test_kanas_sample_of_its_other_mode_leaves_as_it_is() -> None:
    account = kana_of(blocks("kana.md", "toml")[1])
    event = blocks("kana.md", "json")[-1]
    item = KANA.transform(Event.decode(event.encode()), account)
    assert isinstance(item, Item)
    request = KANA.compose([item], account)
    assert request.body.decode() == event
    where = f"{request.method} {KANA.base_url(account)}{request.path}`"
    assert where in page_text("kana.md")


def kana_of(written: str) -> KanaAccount:
    settings = tomllib.loads(written)["destinations"]["kana"]
    return KanaAccount.model_validate({"id": "kana", **settings})


def test_kanas_page_names_every_matter_that_is_flagged() -> None:
    table = page_text("kana.md").partition("\n### Flags\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(ADVICE)


@pytest.mark.parametrize("kind", sorted(destinations.KINDS))
def test_a_page_lists_exactly_the_settings_of_its_kind(kind: str) -> None:
    own = destinations.ACCOUNTS[kind].model_fields.keys() - DestinationSettings.model_fields.keys()
    table = page_text(f"{kind}.md").partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == own


@pytest.mark.parametrize("kind", sorted(destinations.KINDS))
def test_a_page_names_its_kind_as_the_integrations_object_does(kind: str) -> None:
    name = destinations.KINDS[kind].name
    assert f"The `integrations` object names it `{name}`." in page_text(f"{kind}.md").replace(
        "\n", " "
    )


def example() -> dict[str, Any]:
    """What the code of the example defines, run as it stands on the page."""
    names: dict[str, Any] = {**vars(samples), **vars(destinations), "SAMPLES": {}}
    for block in blocks(EXAMPLE, "python"):
        exec(compile(block, EXAMPLE, "exec"), names)  # noqa: S102 - the page is ours
    return names


def test_the_examples_own_tests_pass() -> None:
    names = example()
    tests = [names[name] for name in names if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_example_passes_the_suite_of_all_destinations() -> None:
    names = example()
    kind, sample = names["KINDS"]["meter"], names["SAMPLES"]["meter"]
    subject = Subject(kind, samples.account_of(kind.account, sample), sample)
    suite = [test for name, test in vars(test_conformance).items() if name.startswith("test_")]
    of_one_kind = [test for test in suite if [*inspect.signature(test).parameters] == ["subject"]]
    assert len(of_one_kind) > len(suite) / 2
    for test in of_one_kind:
        test(subject=subject)


def page_text(page: str) -> str:
    return (DOCS / page).read_text()
